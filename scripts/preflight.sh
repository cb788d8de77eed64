#!/bin/sh
# Find what is missing before anything is installed; print the Python to use.
# Each thing that is missing is one line on stderr that says how to get it.
set -u
say() { echo "jfdask needs $1" >&2; missing=1; }
missing=0

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
if [ -z "$python" ]; then
    say "Python 3.11, 3.12 or 3.13; found: $(python3 --version 2>/dev/null || echo none). Debian, Ubuntu: apt install python3 python3-venv python3-dev; macOS: brew install python@3.13; or name one: make PYTHON=/path/to/python3.12 …"
    exit 1
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    say "Python's venv module. Debian, Ubuntu: apt install python3-venv"
[ -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ||
    say "Python's headers (fasttext is compiled here). Debian, Ubuntu: apt install python3-dev; Fedora: dnf install python3-devel"
"${CXX:-c++}" --version >/dev/null 2>&1 ||
    say "a C++ compiler (fasttext is compiled here). Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install"
[ "$missing" -eq 0 ] || exit 1
echo "$python"
