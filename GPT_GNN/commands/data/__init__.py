"""Commands that build, show and convert graphs and models."""
