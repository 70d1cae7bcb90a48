import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pagemill.engines.rapidocr.spec import rapidocr_specs
from pagemill.engines.registry import engine_specs, unusable_engines


def test_the_default_profile_is_the_accurate_one() -> None:
    spec = engine_specs()["rapidocr"]
    assert spec.profile("") is spec.profile("accurate")


def test_every_name_leads_to_its_engine() -> None:
    assert all(name == spec.name for name, spec in engine_specs().items())


def test_an_engine_whose_parts_are_missing_is_unusable_and_says_which() -> None:
    spec = replace(engine_specs()["rapidocr"], requires=("rapidocr", "no_such_module"))
    reasons = unusable_engines({"rapidocr": spec})
    assert "no_such_module" in reasons["rapidocr"]
    assert "needs no_such_module" in reasons["rapidocr"]


def test_an_engine_with_an_interpreter_of_its_own_is_not_judged_here() -> None:
    spec = replace(engine_specs()["rapidocr"], requires=("no_such_module",), interpreter="/opt/other/bin/python")
    assert unusable_engines({"rapidocr": spec}) == {}


def test_the_registry_imports_nothing_heavy() -> None:
    program = (
        "import sys; from pagemill.engines.registry import engine_specs, unusable_engines;"
        "unusable_engines(engine_specs());"
        "print([name for name in ('numpy', 'cv2', 'onnxruntime', 'openvino', 'rapidocr') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_rapidocr_needs_the_runtime_it_was_seeded_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {spec.name: spec for spec in rapidocr_specs({})}
    monkeypatch.setattr("pagemill.engines.rapidocr.spec.find_spec", lambda _: None)
    missing = {spec.name: spec for spec in rapidocr_specs({})}
    assert "openvino" in found["rapidocr"].requires
    assert "onnxruntime" in missing["rapidocr"].requires
    seeds = [specs[name].profiles[0].seed for specs, name in ((missing, "rapidocr"), (found, "rapidocr-onnx"))]
    assert seeds == [missing["rapidocr-onnx"].profiles[0].seed] * 2


def test_the_fast_profile_can_be_used_where_both_its_files_are(tmp_path: Path) -> None:
    named = {"det_model": str(tmp_path / "det.onnx"), "rec_model": str(tmp_path / "rec.onnx")}
    (tmp_path / "det.onnx").touch()
    for options in ({}, {"rapidocr": named}):
        fast = engine_specs(options)["rapidocr"].profile("fast")
        assert fast is not None
        assert "engines.rapidocr.det_model and engines.rapidocr.rec_model" in fast.unusable
    (tmp_path / "rec.onnx").touch()
    specs = engine_specs({"rapidocr": named})
    assert [fast.unusable for fast in (specs["rapidocr"].profile("fast"),) if fast] == [""]
    assert [bool(fast.unusable) for fast in (specs["rapidocr-onnx"].profile("fast"),) if fast] == [True]
