"""Alert rules and the Grafana dashboard: well-formed, on metrics that there are, and alerts come when they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripts.write_metrics import page as reference_of_metrics

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "pagemill.json"
METRIC = re.compile(r"pagemill_\w+")
OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
PROMTOOL = shutil.which("promtool") or ROOT / ".venv" / "prometheus" / "usr" / "bin" / "promtool"
VARIABLES = {"$instance": ".*", "$__rate_interval": "5m"}

needs_promtool = pytest.mark.skipif(not Path(PROMTOOL).is_file(), reason="promtool is not installed")


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Every expression of rules and panels, with the values of variables."""
    yield from (rule["expr"] for rule in rules())
    for panel in panels():
        for target in panel["targets"]:
            expression: str = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            yield expression


def run_promtool(*arguments: str | Path) -> None:
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_is_one_that_the_service_has() -> None:
    known = {*re.findall(r"^\| `(pagemill_\w+)`", reference_of_metrics(), re.MULTILINE)}
    used = {OF_HISTOGRAM.sub("", name) for expression in expressions() for name in METRIC.findall(expression)}
    assert used - known == set()
    assert len(used) > 20


@needs_promtool
def test_prometheus_accepts_the_rules_and_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    run_promtool("check", "rules", ALERTS)
    recorded = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions())]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    run_promtool("check", "rules", tmp_path / "panels.yaml")


WHEN: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "PagemillDown": ({'up{job="pagemill"}': "0x60"}, {'up{job="pagemill"}': "1x60"}),
    "PagemillShortOfMemory": ({"pagemill_memory_level": "2x60"}, {"pagemill_memory_level": "1x60"}),
    "PagemillPagesFailForMemory": (
        {'pagemill_oom_recoveries_total{rung="given_up"}': "0x50 1x10"},
        {'pagemill_oom_recoveries_total{rung="alone"}': "0+1x60"},
    ),
    "PagemillLosesWorkers": (
        {'pagemill_worker_losses_total{cause="crash"}': "0x48 1+1x12"},
        {'pagemill_worker_losses_total{cause="crash"}': "0x48 1x12"},
    ),
    "PagemillHasAFault": ({"pagemill_tasks_stalled_total": "0x50 1x10"}, {"pagemill_tasks_stalled_total": "1x60"}),
    "PagemillWorkerDoesNotEnd": ({"pagemill_workers_unkillable": "1x60"}, {"pagemill_workers_unkillable": "0x60"}),
    "PagemillQueueIsSlow": (
        {"pagemill_queue_oldest_wait_seconds": "201x60"},
        {"pagemill_queue_oldest_wait_seconds": "199x60"},
    ),
    "PagemillPagesFail": (
        {'pagemill_pages_total{outcome="read"}': "0+90x60", 'pagemill_pages_total{outcome="failed"}': "0+10x60"},
        {'pagemill_pages_total{outcome="read"}': "0+99x60", 'pagemill_pages_total{outcome="failed"}': "0+1x60"},
    ),
    "PagemillEvictsAgainAndAgain": ({"pagemill_unloads_total": "0+3x90"}, {"pagemill_unloads_total": "0+1x90"}),
    "PagemillEstimatesTooLow": (
        {"pagemill_estimate_ratio_p99": "1.2x90"},
        {"pagemill_estimate_ratio_p99": "1.05x90"},
    ),
    "PagemillServerGrows": (
        {"pagemill_server_memory_bytes": "500000000x90"},
        {"pagemill_server_memory_bytes": "120000000x90"},
    ),
    "PagemillNodeIsGone": ({'pagemill_nodes{state="gone"}': "1x60"}, {'pagemill_nodes{state="gone"}': "0x60"}),
}
"""For each alert, series by the minute that raise it, and series that do not."""


def test_every_alert_has_a_case() -> None:
    assert WHEN.keys() == {rule["alert"] for rule in rules()}


@needs_promtool
@pytest.mark.parametrize("raised", [True, False])
@pytest.mark.parametrize("alert", WHEN)
def test_an_alert_comes_when_it_should(alert: str, tmp_path: Path, *, raised: bool) -> None:
    series = WHEN[alert][0 if raised else 1]
    ends_at = max(sum(int(part) + 1 for part in re.findall(r"x(\d+)", values)) for values in series.values()) - 1
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                "eval_time": f"{ends_at}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if raised else [],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [case]}))
    run_promtool("test", "rules", path)


def test_alerts_say_what_happens_and_what_to_do() -> None:
    for rule in rules():
        texts = rule["annotations"]
        assert texts["summary"].endswith("."), rule["alert"]
        assert texts["description"].endswith("."), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert panel["description"].endswith("."), panel["title"]
        taken |= cells
