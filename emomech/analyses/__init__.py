"""The findings: one function `analysis(study, …) -> Result` each; none imports another."""
