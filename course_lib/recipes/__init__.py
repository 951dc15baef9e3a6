"""recipes: frozen settings of whole runs, each with its source, its cost and what others found with it."""

from course_lib.recipes.book import RECIPES, Recipe, find
from course_lib.recipes.settings import RunSettings

__all__ = ["RECIPES", "Recipe", "RunSettings", "find"]
