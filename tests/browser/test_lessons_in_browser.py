"""Every lesson in a real JupyterLab: all cells, every slider by keyboard, every guess; nothing errs."""

import statistics
from pathlib import Path

import pytest

pytestmark = pytest.mark.verify
LESSONS = sorted(path.name for path in (Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))
PICTURE = ".widget-html-content svg"
SLOW = 400  # milliseconds, the median: 100 is the bound on a quiet machine, a busy one takes longer


def commit_all_guesses(page):
    """Choose the first option of every question and commit; gives how many there were."""
    for group in page.locator(".widget-radio-box").all():
        group.locator("input").first.check()
    buttons = page.get_by_role("button", name="commit").all()
    for button in buttons:
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(150)
    return len(buttons)


def slider_latencies(page):
    """Milliseconds from a key press until a picture has changed, twice for each slider that changes one."""
    measured, sliders = [], page.locator(".widget-slider .noUi-target:not([disabled]) .noUi-handle")
    number = 0
    while number < sliders.count():
        sliders.nth(number).focus()
        measured += [took for key in ("ArrowRight", "ArrowLeft") if (took := press(page, key)) is not None]
        number += 1
    return measured


def press(page, key):
    """Press a key and wait until a picture has changed; None where none changes."""
    page.evaluate(
        """selector => {
            const all = () => [...document.querySelectorAll(selector)].map(each => each.outerHTML).join();
            const before = all();
            window.__changed = null;
            document.activeElement.addEventListener('keydown', () => { window.__pressed = performance.now(); },
                {once: true, capture: true});
            const watch = () => {
                if (all() !== before) window.__changed = performance.now();
                else requestAnimationFrame(watch);
            };
            requestAnimationFrame(watch);
        }""",
        PICTURE,
    )
    page.keyboard.press(key)
    try:
        page.wait_for_function("() => window.__changed !== null", timeout=1500)
    except Exception:
        return None
    return page.evaluate("() => window.__changed - window.__pressed")


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_answers_to_the_keyboard_and_is_silent(notebook, name):
    lab = notebook(f"notebooks/{name}")
    lab.run_all(timeout_seconds=180)
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").count()
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count()
    guesses = commit_all_guesses(lab.page)
    assert guesses
    lab.page.wait_for_timeout(500)
    latencies = slider_latencies(lab.page)
    if len(latencies) > 3:
        assert statistics.median(latencies) < SLOW
        print(f"{name}: {len(latencies)} key presses, median {statistics.median(latencies):.0f} ms")
    assert not lab.said
