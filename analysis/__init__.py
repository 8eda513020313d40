"""From the logs of a sweep to an answer: `analysis.load(run)`, figures, tables, reports and verdicts."""
