"""peers: our parts beside those of other libraries, on the same machine, networks, batch and data, in the same minutes.

Ratios are medians over rounds of (their seconds / our seconds), so 2 means that ours takes half the time; the range is
that of the quartiles over the rounds. Needs ``pip install course-lib[bench]``.
"""
