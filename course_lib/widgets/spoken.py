"""spoken: controls have a name and a value for those who hear them.

ipywidgets gives the handle of a slider no name, and as its value the bare number of the track: an exponent where places
are factors apart, a share where percent are shown. A few lines of JavaScript, which the page runs when it shows the
widget, copy the words beside a control, and the value at its end, to where screen readers look for them. Where a page
runs no scripts, controls work as before, and sliders stay without a name.

Source: W3C, "Accessible Rich Internet Applications (WAI-ARIA) 1.2", https://www.w3.org/TR/wai-aria-1.2/#slider.
"""

import ipywidgets

PLACES = "course-places"  # a class of sliders whose value cannot be typed
SCRIPT = """
const say = (control, attribute, words) => {
  if (control && control.getAttribute(attribute) !== words) control.setAttribute(attribute, words);
};
const speak = (widget) => {
  for (const control of widget.querySelectorAll('.widget-slider, .widget-radio')) {
    const name = control.querySelector('.widget-label').textContent;
    const [handle, value, choices] = ['.noUi-handle', '.widget-readout', '.widget-radio-box'].map(
      (part) => control.querySelector(part));
    say(handle, 'aria-label', name);
    say(handle, 'aria-valuetext', value?.textContent);
    say(choices, 'role', 'radiogroup');
    say(choices, 'aria-label', name);
    if (control.classList.contains('course-places')) {
      say(value, 'contenteditable', 'false');
    } else {
      say(value, 'role', 'textbox');
      say(value, 'aria-label', name);
    }
  }
};
const begin = (left) => {  // the page shows the parts of a widget one after the other
  const widget = element.closest('.course-large');
  if (!widget) return left && setTimeout(begin, 50, left - 1);
  const watched = { subtree: true, childList: true, attributeFilter: ['aria-valuetext', 'contenteditable'] };
  new MutationObserver(() => speak(widget)).observe(widget, watched);
  speak(widget);
};
begin(600);
"""


def spoken() -> ipywidgets.Output:
    """An invisible part of a widget, which names the controls beside it."""
    shown = {"output_type": "display_data", "data": {"application/javascript": SCRIPT}, "metadata": {}}
    return ipywidgets.Output(outputs=(shown,), layout={"display": "none"})
