"""Every lesson in a real JupyterLab, by keyboard: all cells, every guess, slider, list and button; nothing errs."""

import statistics
from pathlib import Path

import pytest

pytestmark = pytest.mark.verify
LESSONS = sorted(path.name for path in (Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))
SLOW = 400  # milliseconds, the median: 100 is the bound on a quiet machine, a busy one takes longer
SLIDER = ".widget-slider .noUi-target:not([disabled]) .noUi-handle"
LIST = ".widget-dropdown select"
TURN, CHOOSE = ("ArrowRight", "ArrowLeft"), ("End", "Home")  # in a list JupyterLab takes arrow keys for itself
SHOWN = """control => {
    const widget = control.closest('.course-large');
    const all = (selector, of) => [...widget.querySelectorAll(selector)].map(of).join();
    const readout = control.closest('.widget-slider')?.querySelector('.widget-readout');
    return {
        picture: all('svg', each => each.outerHTML),
        words: all('[role=status]', each => each.innerText),
        number: readout ? readout.innerText : control.value,
    };
}"""
TIMED = f"""(control, before) => {{
    window.__took = null;
    control.addEventListener('keydown', () => {{
        const pressed = performance.now();
        const watch = () => {{
            if (({SHOWN})(control).picture !== before) window.__took = performance.now() - pressed;
            else if (performance.now() < pressed + 2000) requestAnimationFrame(watch);
        }};
        requestAnimationFrame(watch);
    }}, {{once: true, capture: true}});
}}"""


def press(page, control, keys):
    """Press keys on a control; gives what of its widget changed, and milliseconds until the picture did."""
    changed, took = set(), []
    for key in keys:
        before = control.evaluate(SHOWN)
        control.focus()
        control.evaluate(TIMED, before["picture"])
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        for _ in range(15):
            if (milliseconds := page.evaluate("window.__took")) is not None:
                took.append(milliseconds)
                page.wait_for_timeout(200)  # the words come after the picture
                break
            page.wait_for_timeout(100)
        after = control.evaluate(SHOWN)
        changed |= {name for name in before if after[name] != before[name]}
    return changed, took


def make_all_guesses(page):
    """Choose, say how sure, commit; gives how many questions there were."""
    buttons = page.get_by_role("button", name="commit").all()
    for button in buttons:
        asked = button.evaluate_handle("each => each.closest('.course-large')").as_element()
        if choices := asked.query_selector_all("input[type=radio]"):
            choices[0].focus()
            page.keyboard.press("Space")
        for slider in asked.query_selector_all(SLIDER):
            assert "number" in press(page, slider, ("ArrowLeft",))[0]
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("each => each.innerText.includes('sure.') && each.querySelector('svg')", arg=asked)
    return len(buttons)


def train_and_stop(page, button):
    """Train a point to its end, and another that is stopped."""
    button.focus()
    page.keyboard.press("Enter")
    widget = button.evaluate_handle("each => each.closest('.course-large')").as_element()
    page.wait_for_function("each => each.innerText.includes('You trained')", arg=widget, timeout=60_000)
    assert "yours, T " in widget.inner_html() and "done" in widget.inner_text()
    page.wait_for_timeout(200)
    button.focus()
    page.keyboard.press("Enter")
    stop = next(each for each in widget.query_selector_all("button") if each.inner_text() == "stop")
    page.wait_for_function("each => !each.disabled", arg=stop)
    stop.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("each => each.innerText.includes('stopped')", arg=widget)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_answers_to_the_keyboard_and_is_silent(notebook, name):
    lab = notebook(f"notebooks/{name}")
    lab.run_all(timeout_seconds=180)
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").count()
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count()
    assert make_all_guesses(lab.page)
    latencies = []
    for slider in lab.page.locator(SLIDER).all():
        changed, took = press(lab.page, slider, TURN)
        assert changed == {"picture", "words", "number"}, slider.evaluate(SHOWN)["words"]
        latencies += took
    for chosen in lab.page.locator(LIST).all():
        changed, _ = press(lab.page, chosen, CHOOSE)
        of_training = "arm to train" in chosen.evaluate("each => each.parentElement.innerText")
        assert changed >= ({"number"} if of_training else {"picture", "words", "number"})
    for button in lab.page.get_by_role("button", name="train this point now").all():
        train_and_stop(lab.page, button)
    pressed = {"commit", "train this point now", "stop"}
    assert {each.inner_text() for each in lab.page.locator(".widget-button").all()} <= pressed
    if latencies:
        assert statistics.median(latencies) < SLOW
        print(f"{name}: {len(latencies)} key presses, median {statistics.median(latencies):.0f} ms")
    assert not lab.said
