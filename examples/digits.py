"""Tune a support-vector machine that reads handwritten digits, on the data set that comes with scikit-learn.

From the project's folder, in one line:

    orion-executor run -n digits examples/digits.py:objective --direction maximize --space C='loguniform(1e-2, 1e4)'
    --space gamma='loguniform(1e-5, 1)' --space scale='choices([True, False])'
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

images, digits = load_digits(return_X_y=True)


def objective(C, gamma, scale):
    """Return the accuracy of five-fold cross-validation, and what it cost."""
    classifier = SVC(C=C, gamma=gamma)
    model = make_pipeline(StandardScaler(), classifier) if scale else classifier
    scores = cross_validate(model, images, digits, cv=5)
    return {
        "objective": scores["test_score"].mean(),
        "worst_fold": scores["test_score"].min(),
        "fit_seconds": scores["fit_time"].sum(),
    }
