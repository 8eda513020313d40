"""From the logs of a sweep to an answer: results, figures, tables, reports and verdicts. Scripts `import sfbench`."""
