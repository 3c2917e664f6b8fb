from gantk.pipeline.stages.evaluate import metrics_of_model


def entry(name: str, candidate: str, value: float) -> dict[str, object]:
    return {
        "name": name,
        "candidate": candidate,
        "values": {"error": value},
        "units": {"error": "levels"},
        "better": {"error": "lower"},
        "protocol": {"samples": 4},
        "pictures": {"rows": "rows.png"},
    }


def test_a_model_keeps_its_values_with_protocol_and_the_values_of_the_baselines() -> None:
    entries = [
        entry("cycle_error", "trained", 1.0),
        entry("cycle_error", "identity", 0.0),
        entry("fid", "trained", 20.0),
        entry("fid", "untrained", 90.0),
        entry("fid", "identity", 40.0),
        entry("fid", "trained", 30.0),
    ]
    facts = {"units": {"error": "levels"}, "better": {"error": "lower"}, "protocol": {"samples": 4}}
    assert metrics_of_model(entries) == {
        "cycle_error": {"values": {"error": 1.0}, **facts, "baselines": {"identity": {"error": 0.0}}},
        "fid": {
            "values": {"error": 20.0},
            **facts,
            "baselines": {"untrained": {"error": 90.0}, "identity": {"error": 40.0}},
        },
        "fid-2": {"values": {"error": 30.0}, **facts, "baselines": {}},
    }
    assert metrics_of_model([]) == {}
