"""Help pages and shell completion."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import ShellComplete

from gantk.cli.root import cli

OWN = ("pipeline", "models", "plugins", "schema", "completion")


def commands(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        if path or name in OWN:
            command = group.get_command(context, name)
            yield (*path, name), command, group
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))


def test_pages(gantk, golden):
    golden("help.txt", gantk("--help").out)
    golden("help-pipeline-run.txt", gantk("pipeline", "run", "--help").out)


@pytest.mark.parametrize("path", [path for path, _, _ in commands()], ids=" ".join)
def test_every_command_explains_itself(gantk, path):
    outcome = gantk(*path, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: gantk {' '.join(path)}")


def test_every_command_has_an_example_and_every_option_a_help():
    for path, command, _ in commands():
        if not isinstance(command, click.Group):
            assert f"gantk {' '.join(path)}" in (command.help or ""), path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


def test_common_options_stand_before_and_after_the_command(gantk, plugin_site):
    plugin_site.module("made_up_gan", "")
    for arguments in (
        ("-p", "made_up_gan", "-v", "plugins", "list", "--json"),
        ("plugins", "list", "--json", "-v", "-p", "made_up_gan"),
    ):
        assert '"made_up_gan"' in gantk(*arguments).out


def test_common_options_are_added_once():
    context = click.Context(cli)
    for _ in range(2):
        schema = cli.get_command(context, "schema")
    assert schema is not None
    assert [parameter.opts for parameter in schema.params].count(["-p", "--plugin"]) == 1


def completions(*line):
    *arguments, incomplete = line
    shell = ShellComplete(cli, {}, "gantk", "_GANTK_COMPLETE")
    return [item.value for item in shell.get_completions(list(arguments), incomplete)]


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_script(self, gantk, shell):
        outcome = gantk("completion", shell)
        assert outcome.code == 0
        assert "_GANTK_COMPLETE" in outcome.out

    def test_unknown_shell(self, gantk):
        assert gantk("completion", "tcsh").code == 2

    def test_commands(self):
        assert completions("pi") == ["pipeline"]
        assert completions("pipeline", "") == ["run", "validate", "plan", "show"]
        assert completions("plugins", "s") == ["show"]
        assert "--verbose" in completions("--")

    def test_stages_profiles_and_settings_of_the_file(self, stages):
        file = str(stages)
        assert completions("pipeline", "run", file, "--from", "") == ["greet", "part"]
        assert completions("pipeline", "run", file, "--until", "p") == ["part"]
        assert completions("pipeline", "show", file, "--profile", "") == ["loud"]
        assert completions("pipeline", "run", file, "--set", "stages.g") == ["stages.greet.words="]

    def test_plugins_and_names(self, plugin_site):
        plugin_site.plugin("acme", "import no_such_module")
        assert completions("plugins", "show", "") == ["core", "acme", "l1", "lsgan"]
        assert completions("plugins", "show", "l") == ["l1", "lsgan"]

    @pytest.mark.parametrize("content", ["", "stages: [", "- a", "stages: 3", "\x00"])
    def test_file_that_is_not_valid_offers_nothing(self, tmp_path, capfd, content):
        file = tmp_path / "half.yaml"
        file.write_text(content)
        assert completions("pipeline", "run", str(file), "--from", "") == []
        assert completions("pipeline", "run", str(tmp_path / "missing.yaml"), "--profile", "") == []
        assert capfd.readouterr() == ("", "")

    def test_broken_registry_offers_nothing(self, plugin_site, monkeypatch, capfd):
        monkeypatch.setenv("GANTK_PLUGINS", "{")
        assert completions("plugins", "show", "") == []
        assert capfd.readouterr() == ("", "")
