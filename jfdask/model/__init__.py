"""What a person likes, learned from what she played: rows, forests, metrics, ranking, reasons.

Pure: the same input gives the same output; no engine, network, storage, clock or environment.
"""
