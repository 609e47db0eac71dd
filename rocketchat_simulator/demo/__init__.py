"""What the demo adds to a simulated workspace: people, devices, a clock, and the page's buttons."""
