"""What the files in a run's folder are called; nothing else names them."""

from typing import Final

CARD_FILE: Final = "run.json"
CONFIG_FILE: Final = "config.yaml"
SPLITS_FILE: Final = "splits.parquet"
IDENTITY_FILE: Final = "identity.json"
CURVES_FILE: Final = "metrics.csv"
PREDICTIONS_FILE: Final = "predictions.parquet"
UNSCORED_FILE: Final = "unscored.parquet"
EMBEDDINGS_FILE: Final = "embeddings.parquet"
METRICS_FILE: Final = "metrics.json"
REPORT_FILE: Final = "report.html"
REPORT_TEXT_FILE: Final = "report.md"
MODEL_FILE: Final = "model.ckpt"
ENSEMBLE_FILE: Final = "ensemble.json"
LOCK_FILE: Final = ".lock"
BEST_FILE: Final = "best.ckpt"
CHECKPOINTS_DIR: Final = "checkpoints"
SCORES_DIR: Final = "scores"
# Files of a sweep and its jobs.
JOB_FILE: Final = "job.json"
SWEEP_FILE: Final = "sweep.json"
