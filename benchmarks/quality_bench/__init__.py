"""What ``quality.py`` is made of: data, people and folds, methods, figures, results."""
