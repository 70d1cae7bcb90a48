"""Draws `formula.png`, a formula as journals print it. Run by hand: it needs matplotlib, which no test does."""

from pathlib import Path

LATEX = r"$\mathcal{L}(\theta)=-\frac{1}{N}\sum_{i=1}^{N}\log p_\theta(y_i\mid x_i)+\lambda\|\theta\|_2^2$"


def main() -> None:
    """Write the picture beside this file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams["mathtext.fontset"] = "cm"
    figure = plt.figure(figsize=(2.8, 0.6))
    figure.text(0.5, 0.4, LATEX, fontsize=12, ha="center")
    figure.savefig(Path(__file__).with_name("formula.png"), dpi=150)


if __name__ == "__main__":
    main()
