"""grading: runs learners' notebooks in a jail, judges them from outside, and reports."""
