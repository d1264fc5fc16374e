"""What an audit is and how it measures. Plain Python: no prefect, no mlflow, no torch on import."""

__version__ = "0.1.0"
