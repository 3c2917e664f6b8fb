"""Running a pipeline: the plan, the stages, the run directory."""
