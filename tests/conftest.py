from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.fuzzing", "tests.support.postgres"]

# How long an example takes says more about the machine than about the code.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")
