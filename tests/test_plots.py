import io
import itertools
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import plots
from course_lib.plots.labels import spread_apart
from course_lib.plots.reliability import AS_GIVEN, SCALED

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour):
    """Linear RGB of a hexadecimal sRGB colour."""
    stored = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB of linear RGB, white point D65."""
    relative = TO_XYZ @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def answers(arm="ce", n=300, seed=0, label=None):
    rng = np.random.default_rng(seed)
    confidence = torch.from_numpy(rng.beta(5, 1, n))
    return plots.answers_of(arm, label or arm, confidence, torch.from_numpy(rng.random(n)) < confidence)


def curve(arm="ce", seeds=3, epochs=20, seed=0):
    rng = np.random.default_rng(seed)
    progress = 1 - np.exp(-np.arange(1, epochs + 1) / 4)
    noise = 0.02 * rng.random((seeds, epochs))
    return plots.Curve(arm, arm, 0.9 * progress - noise, 2.3 - 2 * progress + noise)


def students(arm="ce", label=None, headline=True, seeds=3, seed=0, spread=0.02):
    rng = np.random.default_rng(seed)
    accuracy, gap = 0.9 + spread * rng.normal(size=seeds), spread * rng.normal(size=seeds)
    return plots.Students(arm, label or arm, accuracy, gap, headline)


def every_picture():
    logits, labels = 3 * torch.randn(200, 5, generator=torch.Generator().manual_seed(0)), torch.arange(200) % 5
    arms = list(plots.LOOKS)
    return {
        "arms": plots.reliability_of_arms([answers(arm, seed=place) for place, arm in enumerate(arms)]),
        "one": plots.reliability_of_one(logits, labels),
        "before and after": plots.reliability_of_one(logits, labels, logits / 2),
        "curves": plots.learning_curves([curve(arm, seed=place) for place, arm in enumerate(arms)]),
        "gap": plots.accuracy_against_gap([students(arm, seed=place) for place, arm in enumerate(arms)]),
        "histograms": plots.confidence_histograms([answers(arm, seed=place) for place, arm in enumerate(arms)]),
    }


@pytest.mark.parametrize(
    ("sight", "distance"), [("normal", 45), ("protanopia", 31), ("deuteranopia", 31), ("tritanopia", 30)]
)
def test_the_arms_stay_apart_for_every_kind_of_sight(sight, distance):
    colours = [lab(SIGHT[sight] @ linear(look.colour)) for look in plots.LOOKS.values()]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)) >= distance
    one = [lab(SIGHT[sight] @ linear(look.colour)) for look in (AS_GIVEN, SCALED)]
    assert np.linalg.norm(one[0] - one[1]) >= distance


def test_every_arm_has_its_own_marker_and_line_and_stands_out_on_white():
    looks = list(plots.LOOKS.values())
    assert len({look.marker for look in looks}) == len({str(look.line) for look in looks}) == len(looks) == 5
    for look in looks:
        assert 1.05 / (TO_XYZ[1] @ linear(look.colour) + 0.05) >= 3  # WCAG 2.2, 1.4.11


def test_every_picture_is_a_sharp_png_that_carries_its_words():
    for name, picture in every_picture().items():
        image = Image.open(io.BytesIO(picture.png()))
        assert image.format == "PNG" and image.width == 2000, name
        assert image.text["Description"] == picture.alt
        assert picture.alt.endswith(".") and len(picture.alt) > 60


def test_the_same_values_give_the_same_bytes():
    assert plots.reliability_of_arms([answers()]).png() == plots.reliability_of_arms([answers()]).png()


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    before = dict(matplotlib.rcParams)
    plots.confidence_histograms([answers()]).png()
    assert dict(matplotlib.rcParams) == before


def test_importing_loads_neither_matplotlib_nor_torchvision_and_drawing_no_pyplot():
    code = (
        "import sys, course_lib.plots, course_lib.report, numpy as np\n"
        "print(sorted({'matplotlib', 'torchvision', 'sklearn', 'jinja2'} & set(sys.modules)))\n"
        "from course_lib.plots import Students, accuracy_against_gap\n"
        "accuracy_against_gap([Students('ce', 'ce', np.array([0.9]), np.array([0.1]))]).png()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["[]", "False"]


def test_the_words_of_a_reliability_diagram_are_those_of_its_fullest_bin():
    confidence = torch.tensor([0.95] * 8 + [0.55] * 2, dtype=torch.float64)
    correct = torch.tensor([True] * 6 + [False] * 2 + [True] * 2)
    picture = plots.reliability_of_arms([plots.answers_of("ce", "ce", confidence, correct)], n_bins=10)
    assert picture.alt == (
        "Reliability diagram of 1 model. ce: at confidence 0.90 to 1.00 (80% of its answers, 95.0% sure on average) "
        "it is right 75.0% of the time."
    )


def test_a_bin_with_few_answers_is_hollow_and_joined_to_nothing():
    confidence = torch.tensor([0.95] * 30 + [0.75] * 19 + [0.55] * 20, dtype=torch.float64)
    picture = plots.reliability_of_arms([plots.answers_of("ce", "ce", confidence, confidence > 0.6)], n_bins=10)
    full, hollow = picture.figure.axes[0].collections
    assert full.get_offsets()[:, 0].tolist() == pytest.approx([0.55, 0.95])
    assert hollow.get_offsets()[:, 0].tolist() == pytest.approx([0.75])
    assert hollow.get_facecolor()[0][:3].tolist() == [1, 1, 1]
    line = picture.figure.axes[0].lines[1]
    assert np.isnan(line.get_ydata()).sum() == 8 and full.get_sizes()[1] > full.get_sizes()[0]


def test_the_counts_below_the_diagram_add_up_to_all_answers():
    picture = plots.reliability_of_arms([answers(n=300)])
    words = [text.get_text() for text in picture.figure.axes[1].texts]
    assert sum(int(word) for word in words if word.isdigit()) == 300


def test_before_and_after_scaling_are_two_models_in_one_diagram():
    logits, labels = torch.tensor([[8.0, 0.0], [8.0, 0.0]]), torch.tensor([0, 1])
    picture = plots.reliability_of_one(logits, labels, logits / 100)
    assert "before and after temperature scaling" in picture.alt
    assert "as given: at confidence 0.93 to 1.00" in picture.alt
    assert "scaled: at confidence 0.47 to 0.53" in picture.alt and "right 50.0% of the time" in picture.alt
    assert "scaled" not in plots.reliability_of_one(logits, labels).alt


def test_learning_curves_name_the_last_values_and_show_the_end_on_the_axis():
    picture = plots.learning_curves([curve("ce"), curve("kd", seeds=1)])
    last = curve("ce")
    assert f"ce {last.accuracy[:, -1].mean():.1%} and {last.nll[:, -1].mean():.3f} nats" in picture.alt
    for axes, values in zip(picture.figure.axes, (last.accuracy, last.nll), strict=True):
        low, high = axes.get_ylim()
        assert low < values[:, 5:].min() and values[:, 5:].max() < high


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_run_of_very_few_epochs_is_drawn_too(epochs):
    picture = plots.learning_curves([curve("ce", seeds=1, epochs=epochs)])
    picture.png()
    assert picture.figure.axes[0].lines[0].get_marker() == ("o" if epochs == 1 else "None")


def test_the_gap_figure_names_every_headline_and_no_other_temperature():
    shown = [students("ce"), students("kd", "kd (T = 2)"), students("kd", "T = 4", headline=False)]
    alt = plots.accuracy_against_gap(shown).alt
    assert "ce" in alt and "kd (T = 2)" in alt and "T = 4" not in alt


def test_a_single_student_is_drawn_without_an_error_bar():
    alone = plots.accuracy_against_gap([students(seeds=1)]).figure.axes[0]
    several = plots.accuracy_against_gap([students(seeds=3)]).figure.axes[0]
    assert len(several.collections) > len(alone.collections) == 2


def test_labels_in_a_crowd_do_not_hide_one_another():
    crowd = [students(arm, f"{arm} (T = 1)", seed=place, spread=0.001) for place, arm in enumerate(plots.LOOKS)]
    figure = plots.accuracy_against_gap([*crowd, students("ce", spread=0.2, seed=9)]).figure
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_histograms_name_confidence_accuracy_and_gap():
    confidence = torch.tensor([0.9, 0.9, 0.9, 0.9], dtype=torch.float64)
    picture = plots.confidence_histograms(
        [plots.answers_of("ce", "ce", confidence, torch.tensor([True, True, True, False]))]
    )
    assert picture.alt == "Confidence histograms. On average: ce 90.0% sure, 75.0% right."
    assert any("gap +15.0 points" in text.get_text() for text in picture.figure.axes[0].texts)


def test_labels_spread_apart_keep_their_order_and_their_middle():
    rng = np.random.default_rng(0)
    for _ in range(100):
        heights = rng.random(rng.integers(1, 8))
        moved = np.array(spread_apart(heights, 0.05))
        assert (np.argsort(moved) == np.argsort(heights)).all()
        assert (np.diff(np.sort(moved)) >= 0.05 - 1e-9).all()
        assert moved.mean() == pytest.approx(heights.mean())


def test_a_picture_is_saved_whole(tmp_path):
    picture = plots.confidence_histograms([answers()])
    plots.save(picture, tmp_path / "deep" / "here.png")
    assert (tmp_path / "deep" / "here.png").read_bytes() == picture.png()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["here.png"]


def test_a_picture_in_a_notebook_carries_its_words():
    from matplotlib.figure import Figure

    from course_lib.plots import Picture

    shown = Picture(Figure(figsize=(1, 1)), 'a "quoted" <word>')._repr_html_()
    assert shown.startswith('<img src="data:image/png;base64,iVBOR')
    assert 'alt="a &quot;quoted&quot; &lt;word&gt;"' in shown
