"""What users of the project's API feel: how many ask, what fails, how long it takes, who is turned away."""
