"""A missing jail fails where there has to be one, and is told where tests are skipped for it; in one way everywhere."""

import re
from pathlib import Path

import pytest
from handed_in import need_jail

from course_lib.grading import jail

HERE = Path(__file__).parent


@pytest.mark.parametrize(("required", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_tests_without_a_jail_fail_where_it_is_required_and_are_skipped_elsewhere(monkeypatch, required, outcome):
    monkeypatch.setenv("COURSE_REQUIRE_JAIL", required)
    monkeypatch.setattr(jail, "why_not", lambda: "there is no bubblewrap")
    with pytest.raises(outcome, match="there is no bubblewrap"):
        need_jail()
    monkeypatch.setattr(jail, "why_not", lambda: None)
    need_jail()


def test_no_test_asks_for_a_jail_in_another_way_and_ci_requires_one():
    for path in HERE.parent.rglob("*.py"):
        asks = re.search(r"which\(.bwrap|skip\w*\(.*(?:jail|bubblewrap|bwrap)", path.read_text())
        assert not asks or path.name in ("handed_in.py", Path(__file__).name), path
    assert "export COURSE_REQUIRE_JAIL=1" in (HERE.parent.parent / ".ci" / "run").read_text()
