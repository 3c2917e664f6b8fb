"""The backend-neutral, compiled adversarial training step and what belongs to it."""
