# SPDX-License-Identifier: Apache-2.0
"""The packages of eksnode: what is built for Amazon Linux, and what is removed with them."""

import re

from fixture import PackerTest, write_program


class PackageTest(PackerTest):
    """On a directory that stands for a machine. tests/boot/packages_test.py removes the packages of a real one."""

    def forget(self):
        """Run what the packages run when they are removed, with all paths in the directory."""
        text = (self.packer / "packages/forget").read_text()
        script = "set -e\n" + re.sub(r"(?<![\w/*])/(etc|proc|run|var)/", rf"{self.directory}/\1/", text)
        return self.run_program("sh", "-c", script, PATH=f"{self.directory}/commands:{self.environment['PATH']}")

    def test_programs_that_need_newer_libraries_are_refused(self):
        commands = self.directory / "commands"
        for name, text in {
            "meson": """mkdir -p "$DESTDIR/usr/bin" "$DESTDIR/etc"
                cd "$DESTDIR/usr/bin"
                case "$*" in
                *host*) touch host ;;
                *compat*) touch imds ;;
                *) install -m 755 /dev/null eksnode; touch host imds ;;
                esac""",
            "readelf": """for file; do :; done
                [ "${file##*/}" = eksnode ] && printf "  0x0060:   Name: %s  Flags: none\\n" $NEEDS""",
            "rpmbuild": "",
            "ninja": "",
        }.items():
            write_program(commands / name, text)

        (self.directory / "meson.build").write_text("        version: '1',\n")
        for needs, newest in (
            ("GLIBC_2.4 GLIBC_2.34 GLIBCXX_3.4.9 GLIBCXX_3.4.29", ""), ("GLIBC_2.34 GLIBC_2.38", "GLIBC_2.38"),
            ("GLIBC_2.34 GLIBCXX_3.4.30 GLIBCXX_3.4.9", "GLIBCXX_3.4.30"), ("", ""),
        ):
            done = self.run_program(self.packer / "packages/build", "rpm", "--from", self.directory, "--maintainer", "Nobody <nobody@example.org>",
                                    "--output", self.directory / "output", NEEDS=needs, PATH=f"{commands}:{self.environment['PATH']}")
            if not needs:
                self.fails(done, "readelf says nothing")
            elif newest:
                self.fails(done, f"the programs need {newest}", "--suite bookworm")
            else:
                self.succeeds(done)

    def test_swap_is_turned_off_before_its_file_is_removed(self):
        # The kernel keeps a file that is swapped to.
        swaps, swap = self.directory / "proc/swaps", self.directory / "var/lib/eks/swap"
        write_program(self.directory / "commands/rm", f'! grep -qs "eks/swap " {swaps} || exit 1\nexec /bin/rm "$@"')
        write_program(self.directory / "commands/swapoff", f'[ "$1" = {swap} ] && [ -z "$FULL" ] && : >{swaps}')

        for full in "yes", "":
            for path, text in {"var/lib/eks/swap": "", "run/eks/node.json": "", "etc/eks/node.d/x": "",
                               "proc/swaps": f"Filename Type\n{swap} file 1 0 -2\n"}.items():
                (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
                (self.directory / path).write_text(text)

            self.environment["FULL"] = full
            done = self.forget()
            self.succeeds(done)
            self.assertEqual(swap.parent.exists(), bool(full))
            self.assertEqual("cannot be turned off" in done.stderr and "files remain in" in done.stderr, bool(full), done.stderr)

        self.assertEqual(done.stderr, "")
