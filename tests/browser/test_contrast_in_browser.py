"""The measure of contrast by which lessons are judged in JupyterLab's dark and light themes."""

import pytest

pytestmark = pytest.mark.verify
WORDS = """<div class="course-large" style="background: white">
    <p style="color: #767676">just dark enough</p>
    <p style="color: #777777">just too light</p>
    <p style="color: black; opacity: 0.5">too transparent</p>
    <div style="background: rgb(0 0 0 / 50%)"><p style="color: white">too light behind</p></div>
    <div style="background: rgb(0 0 0 / 80%)"><p style="color: white">dark enough behind</p></div>
    <button style="color: #777777" disabled>not to be pressed</button>
    <p style="color: #777777; visibility: hidden">not shown</p>
</div>"""


def test_words_are_measured_against_what_is_really_behind_them(browser, contrast):
    """Of the greys on white, #767676 is the lightest that WCAG passes, with 4.54 to 1."""
    page = browser.new_page()
    page.set_content(WORDS)
    found = page.evaluate(contrast)
    page.close()
    assert found["read"] == 5
    faint = [words.split(": ")[1].split(" (")[0] for words in found["faint"]]
    assert faint == ["just too light", "too transparent", "too light behind"]
