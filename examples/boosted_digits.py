"""Train a gradient-boosted classifier of handwritten digits with XGBoost: an ordinary script.

    python examples/boosted_digits.py --learning-rate 0.3 --max-depth 4

Tuned as it is, from the project's folder, in one line:

    orion-executor run -n boosted --metric validation-merror --pruner median -- python examples/boosted_digits.py
    --learning-rate~'loguniform(0.01, 1)' --max-depth~'randint(2, 7)' --subsample~'uniform(0.5, 1)'
"""

import argparse

import xgboost
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.3)
    parser.add_argument("--max-depth", type=int, default=4)
    parser.add_argument("--subsample", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=30)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    images, digits = load_digits(return_X_y=True)
    parts = train_test_split(images, digits, test_size=0.3, random_state=0, stratify=digits)
    training, validation = xgboost.DMatrix(parts[0], parts[2]), xgboost.DMatrix(parts[1], parts[3])
    settings = {
        "objective": "multi:softprob",
        "eval_metric": "merror",
        "num_class": 10,
        "learning_rate": arguments.learning_rate,
        "max_depth": arguments.max_depth,
        "subsample": arguments.subsample,
    }
    # It prints a line for each round: [7]  validation-merror:0.06852
    xgboost.train(settings, training, arguments.rounds, evals=[(validation, "validation")], verbose_eval=1)


if __name__ == "__main__":
    main()
