"""Every lesson in a real JupyterLab, by keyboard: all cells, every guess, slider, list and button.

Nothing errs, warns or lags, nothing opens before its guess, and words can be read in the dark theme and in the light.
"""

import json
import re
import statistics
from pathlib import Path

import pytest

pytestmark = pytest.mark.verify
LESSONS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))
SLOW = 150  # milliseconds from a key to the new picture, the median: 24 to 43 on two cores, 95 with six busy programs
LONG = 30  # seconds of processor time of a lesson beside its imports; on a quiet machine as long by the clock
WIDGET = ".course-large"
EXPLORER = f"{WIDGET} {WIDGET}"  # what a guess opens
SLIDER = ".widget-slider .noUi-target:not([disabled]) .noUi-handle"
LIST = ".widget-dropdown select"
TURN, CHOOSE = 2 * ("ArrowRight", "ArrowLeft"), ("End", "Home")  # in a list JupyterLab takes arrow keys for itself
OPEN = """() => [...document.querySelectorAll('.noUi-handle, .widget-dropdown select, .widget-button')].filter(
    control => ![...(control.closest('.course-large')?.children ?? [])].some(each => each.innerText === 'commit')
).length"""
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
            else window.__took = false;
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
        page.wait_for_function("window.__took !== null")
        if (milliseconds := page.evaluate("window.__took")) is not False:
            took.append(milliseconds)
        page.wait_for_timeout(150)  # the words come after the picture
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
            before = slider.evaluate(SHOWN)["number"]
            slider.press("ArrowLeft")
            assert slider.evaluate(SHOWN)["number"] != before
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


def code_of(lesson):
    """The code of a lesson's cells by their names."""
    cells = json.loads(lesson.read_text())["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"}


def move_everything(page):
    """Move every slider and list, press every button; gives the milliseconds that sliders took."""
    latencies = []
    for slider in page.locator(SLIDER).all():
        changed, took = press(page, slider, TURN)
        assert changed == {"picture", "words", "number"}, slider.evaluate(SHOWN)["words"]
        latencies += took
    for chosen in page.locator(LIST).all():
        changed, _ = press(page, chosen, CHOOSE)
        of_training = "arm to train" in chosen.evaluate("each => each.parentElement.innerText")
        assert changed >= ({"number"} if of_training else {"picture", "words", "number"})
    for button in page.get_by_role("button", name="train this point now").all():
        train_and_stop(page, button)
    pressed = {"commit", "train this point now", "stop"}
    assert {each.inner_text() for each in page.locator(".widget-button").all()} <= pressed
    return latencies


def take_pictures(page, widgets, folder, name):
    page.set_viewport_size({"width": 1280, "height": 1600})  # JupyterLab shows what of a widget fits its window
    for number, widget in enumerate(page.locator(widgets).all(), start=1):
        widget.screenshot(path=folder / f"{name}-{number:02}.png")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_answers_to_the_keyboard_is_silent_and_can_be_read(notebook, artefacts, contrast, lesson):
    lab, code = notebook(f"notebooks/{lesson.name}"), code_of(lesson)
    imported = float(lab.ask_kernel("__import__('time').process_time()", code["imports"]))
    lab.run_all(timeout_seconds=180)
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").count()
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count()
    assert not lab.page.evaluate(OPEN)  # a guess comes before anything that moves
    lab.theme("JupyterLab Dark")
    faint = lab.page.evaluate(contrast)["faint"]
    assert make_all_guesses(lab.page)
    seconds = float(lab.ask_kernel("__import__('time').process_time()")) - imported
    explorers = lab.page.locator(EXPLORER).count()
    assert explorers == len(re.findall(r"reveal=.*Explorer", "\n".join(code.values())))
    latencies = move_everything(lab.page)
    assert latencies or not explorers
    median = statistics.median(latencies or [0])
    print(f"{lesson.stem}: {seconds:.1f} s; {len(latencies)} key presses, median {median:.0f} ms")
    assert seconds < LONG
    assert median < SLOW
    faint += lab.page.evaluate(contrast)["faint"]
    take_pictures(lab.page, EXPLORER, artefacts, f"{lesson.stem}-dark")
    lab.theme("JupyterLab Light")
    faint += lab.page.evaluate(contrast)["faint"]
    take_pictures(lab.page, WIDGET, artefacts, lesson.stem)
    assert not faint
    assert not lab.said
    assert not lab.complaints
