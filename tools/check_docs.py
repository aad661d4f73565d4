#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the documentation keeps up with the code.

- Every public name in include/sync/*.h (class, enum, macro, function, alias,
  public member function) has a comment: right above it, above the group of
  declarations it stands in (no blank line between), behind it, or elsewhere in
  the header in words that name it; or the header's page in docs/design, the
  README or a guide names it between backticks.
- Every public header has its page in docs/design, and both it and the page are
  in the tables of README.md and docs/design/README.md.
- The files that comments in include/ and src/ refer to exist.
- Every relative link in a Markdown file leads somewhere, anchors included.
- README.md has one pair of bench markers, and its first example is the one in
  examples/quick_start.cc.
- No header of the library is longer than 350 lines, no other file than 600.
- With --compile CXX: every ```cpp block with a main() compiles.

Usage: tools/check_docs.py [--self-test | --compile CXX]
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HEADER_LINES = 350
SOURCE_LINES = 600
CODE_FOLDERS = ("include", "src", "tests", "stress", "bench", "examples")
SKIPPED = {"build", ".git", "third_party", "__pycache__"}

# Headers that share a page, or are too small to have one.
PAGES = {"atomic": "seam", "bankers_json": "bankers_allocator",
         "thread": "seam", "sync": None, "version": None}

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
REFERENCE = re.compile(
    r"(?<![\w/])((?:docs|stress|tests|bench|tools|examples|src|include)"
    r"/[\w./-]+\.(?:md|cc|h|py|sh))\b")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


# --- Names --------------------------------------------------------------------

def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def without_preprocessor(code):
    """Directives become blanks, continuation lines too."""
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", blank, code,
                  flags=re.MULTILINE)


def function_name(head):
    """The name of the function that a declaration declares, or None."""
    head = re.sub(r"\[\[.*?\]\]", " ", head, flags=re.DOTALL)
    at = 0
    while True:
        match = re.compile(
            r"(operator\s*(?:\(\)|\[\]|\"\"\s*\w+|[^\s\w(]+|[\w:&* ]+?)|~?\w+)"
            r"\s*\(").search(head, at)
        if match is None:
            return None
        name = match.group(1)
        if not re.match(r"(requires|noexcept|decltype|alignas|explicit|sizeof"
                        r"|static_assert|SYNCXX_\w+)$", name):
            return name
        depth, at = 1, match.end()  # behind its parentheses
        while at < len(head) and depth:
            depth += {"(": 1, ")": -1}.get(head[at], 0)
            at += 1


def drop_template(head):
    """Without a leading template<...>."""
    match = re.match(r"\s*template\s*<", head)
    if not match:
        return head
    depth, at = 1, match.end()
    while at < len(head) and depth:
        depth += {"<": 1, ">": -1}.get(head[at], 0)
        at += 1
    return drop_template(head[at:])


def public_names(text):
    """(name, line) of what a header offers, lines counted from 0."""
    found = []
    for match in re.finditer(r"^[ \t]*#\s*define\s+(SYNCXX_\w+)", text,
                             re.MULTILINE):
        if not re.search(r"_H_$|_$", match.group(1)):
            found.append((match.group(1), text.count("\n", 0, match.start())))

    code = STRING.sub(blank, COMMENT.sub(blank, text))
    code = without_preprocessor(code)
    scopes = []  # (kind, name, is_public)
    start = 0

    def is_open():
        return all(kind == "namespace" and name != "detail"
                   or kind == "class" and public
                   for kind, name, public in scopes)

    def declare(head, position):
        name = None
        stripped = drop_template(head).strip()
        first = position - len(head) + (len(head) - len(head.lstrip()))
        if re.match(r"(friend|static_assert|namespace)\b", stripped):
            return
        using = re.match(r"using\s+(\w+)\s*=", stripped)
        if using:
            if not scopes or scopes[-1][0] == "namespace":
                name = using.group(1)
        elif re.match(r"using\b|typedef\b", stripped):
            return
        elif re.match(r"(enum|class|struct|union)\b", stripped):
            kind = re.match(r"(?:enum\s+(?:class|struct)|\w+)\s*", stripped)
            rest = re.sub(r"\[\[.*?\]\]|SYNCXX_\w+(?:\([^)]*\))?|alignas\([^)]*\)",
                          " ", stripped[kind.end():])
            word = re.match(r"\s*(\w+)", rest)
            if word and head_ends_in_body:
                name = word.group(1)
        else:
            name = function_name(stripped)
            if name is None or re.search(r"=\s*(default|delete)\s*$", stripped):
                return
            class_name = scopes[-1][1] if scopes else None
            # Constructors and guides are the class's; destructors too.
            if name.lstrip("~") == class_name or re.search(r"->\s*\w+<[^>]*>\s*$",
                                                           stripped):
                return
        if name:
            found.append((name, code.count("\n", 0, first)))

    depth = 0  # of parentheses
    for at, c in enumerate(code):
        head_ends_in_body = c == "{"
        if c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif depth:
            continue
        elif c == "{":
            head = code[start:at]
            stripped = drop_template(head).strip()
            if is_open():
                declare(head, at)
            namespace = re.match(r"(?:inline\s+)?namespace\b\s*([\w:]*)",
                                 stripped)
            clazz = re.match(r"(class|struct)\b", stripped)
            if namespace:
                scopes.append(("namespace", namespace.group(1), True))
            elif clazz:
                rest = re.sub(r"SYNCXX_\w+(?:\([^)]*\))?", " ",
                              stripped[clazz.end():])
                name = re.search(r"\w+", rest)
                scopes.append(("class", name.group(0) if name else "",
                               clazz.group(1) == "struct"))
            else:
                scopes.append(("body", "", False))
            start = at + 1
        elif c == "}":
            if scopes:
                scopes.pop()
            start = at + 1
        elif c == ";":
            if is_open():
                declare(code[start:at], at)
            start = at + 1
        elif c == ":":
            access = re.search(r"\b(public|private|protected)\s*$",
                               code[start:at])
            if access and scopes and scopes[-1][0] == "class":
                kind, name, _ = scopes[-1]
                scopes[-1] = (kind, name, access.group(1) == "public")
                start = at + 1
    return found


def is_commented(text, name, line):
    lines = text.split("\n")
    word = re.compile(r"(?<![\w])%s(?![\w])" % re.escape(name))
    comments = " ".join(COMMENT.findall(text))
    if word.search(comments):
        return True
    if "//" in lines[line]:
        return True
    # Upwards over the group it stands in.
    at = line - 1
    while at >= 0 and lines[at].strip():
        above = lines[at].strip()
        if above.startswith(("//", "*", "/*")):
            return True
        if re.match(r"(public|private|protected)\s*:|namespace\b|#endif", above):
            return False
        at -= 1
    return False


def check_names(root):
    problems = []
    for path in sorted((root / "include/sync").glob("*.h")):
        text = path.read_text()
        page = f"docs/design/{PAGES.get(path.stem, path.stem)}.md"
        pages = [root / page, root / "README.md",
                 *sorted((root / "docs/guide").glob("*.md"))]
        quoted = " ".join(quote for one in pages
                          for quote in re.findall(r"`([^`\n]+)`", read(one)))
        for name, line in public_names(text):
            if is_commented(text, name, line):
                continue
            if re.search(r"(?<!\w)%s(?!\w)" % re.escape(name), quoted):
                continue
            problems.append(f"{path.relative_to(root)}:{line + 1}: `{name}` "
                            f"has no comment, and no page names it")
    return problems


# --- Pages, references, links ---------------------------------------------------

def check_pages(root):
    problems = []
    readme = read(root / "README.md")
    index = read(root / "docs/design/README.md")
    rows = [line for line in readme.split("\n") if line.startswith("|")]
    for path in sorted((root / "include/sync").glob("*.h")):
        header = f"sync/{path.name}"
        page = PAGES.get(path.stem, path.stem)
        if page is not None:
            if not (root / f"docs/design/{page}.md").is_file():
                problems.append(f"include/{header}:1: there is no "
                                f"docs/design/{page}.md")
            if f"{page}.md" not in index:
                problems.append(f"docs/design/README.md:1: does not list "
                                f"{page}.md")
        if not any(header in row for row in rows):
            problems.append(f"README.md:1: no table row for <{header}>")
    return problems


def check_references(root):
    problems = []
    for folder in ("include", "src"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            text = path.read_text()
            for comment in COMMENT.finditer(text):
                for reference in REFERENCE.finditer(comment.group(0)):
                    if not (root / reference.group(1)).exists():
                        line = text.count("\n", 0, comment.start()
                                          + reference.start()) + 1
                        problems.append(f"{path.relative_to(root)}:{line}: "
                                        f"there is no {reference.group(1)}")
    return problems


def markdown_files(root):
    return [p for p in sorted(root.rglob("*.md"))
            if not any(part in SKIPPED or part.startswith("bazel-")
                       for part in p.relative_to(root).parts)]


def prose(text):
    """Markdown without its code, line for line."""
    text = re.sub(r"^(```|~~~).*?^\1[^\n]*$", blank, text,
                  flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", blank, text)


def anchors(text):
    """What GitHub makes of the headings."""
    found, seen = set(), {}
    text = re.sub(r"^(```|~~~).*?^\1[^\n]*$", blank, text,
                  flags=re.DOTALL | re.MULTILINE)
    for match in re.finditer(r"^#+\s+(.*?)\s*#*$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1))
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(slug if count == 0 else f"{slug}-{count}")
    found.update(re.findall(r'<a\s+(?:id|name)="([^"]+)"', text))
    return found


def check_links(root):
    problems = []
    for path in markdown_files(root):
        text = prose(path.read_text())
        for match in LINK.finditer(text):
            target = match.group(1)
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
                continue
            where = (f"{path.relative_to(root)}:"
                     f"{text.count(chr(10), 0, match.start()) + 1}")
            file_part, _, anchor = target.partition("#")
            if file_part.startswith("/"):
                problems.append(f"{where}: {target}: make it relative")
                continue
            goal = (path.parent / file_part).resolve() if file_part else path
            if not goal.exists():
                problems.append(f"{where}: {target} leads nowhere")
            elif (anchor and goal.suffix == ".md"
                  and anchor not in anchors(goal.read_text())):
                problems.append(f"{where}: {target}: no such heading")
    return problems


def check_readme(root):
    text = read(root / "README.md")
    problems = []
    if (text.count(BEGIN) != 1 or text.count(END) != 1
            or text.index(BEGIN) > text.index(END)):
        problems.append(f"README.md:1: needs one `{BEGIN}` and, below it, one "
                        f"`{END}`")
    example = re.search(r"^```cpp\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    source = read(root / "examples/quick_start.cc")
    if example is None:
        problems.append("README.md:1: has no ```cpp example")
    else:
        line = text.count("\n", 0, example.start()) + 1
        # Indentation may differ: the example may leave a scope out.
        wanted = iter([code.strip() for code in source.split("\n")])
        for number, code in enumerate(example.group(1).split("\n"), line + 1):
            if code.strip() and code.strip() not in wanted:
                problems.append(f"README.md:{number}: not so in "
                                f"examples/quick_start.cc: {code.strip()}")
                break
    return problems


def check_lengths(root):
    problems = []
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc") or not path.is_file():
                continue
            # Headers of tests and benchmarks may hold a whole suite.
            limit = (HEADER_LINES if path.suffix == ".h"
                     and folder in ("include", "src") else SOURCE_LINES)
            if any(part.startswith("bazel-") for part in path.parts):
                continue
            lines = path.read_text().count("\n")
            if lines > limit:
                problems.append(f"{path.relative_to(root)}:{limit + 1}: "
                                f"{lines} lines, at most {limit}")
    return problems


def check_programs(root, cxx):
    """Complete programs in the documentation, through the compiler's front."""
    problems = []
    for path in markdown_files(root):
        text = path.read_text()
        for block in re.finditer(r"^```cpp\n(.*?)^```$", text,
                                 re.DOTALL | re.MULTILINE):
            if "int main(" not in block.group(1):
                continue
            world = int("<sync/model/" in block.group(1))
            made = subprocess.run(
                [cxx, f"-DSYNCXX_MODEL={world}", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra",
                 "-Werror", "-I", str(root / "include"), "-x", "c++", "-"],
                input=block.group(1), text=True, capture_output=True)
            if made.returncode != 0:
                line = text.count("\n", 0, block.start()) + 1
                problems.append(f"{path.relative_to(root)}:{line}: this program "
                                f"does not compile:\n{made.stderr.rstrip()}")
    return problems


def read(path):
    return path.read_text() if path.is_file() else ""


CHECKS = (check_names, check_pages, check_references, check_links,
          check_readme, check_lengths)


def check(root):
    root = pathlib.Path(root)
    return [problem for one in CHECKS for problem in one(root)]


# --- Self-test ------------------------------------------------------------------

HEADER = """// SPDX-License-Identifier: Apache-2.0
//
// thing: does it. Design: docs/design/thing.md.
#ifndef SYNCXX_THING_H_
#define SYNCXX_THING_H_
#define SYNCXX_USEFUL(x) \\
  x  // as it is
namespace syncxx::inline SYNCXX_ABI {
namespace detail {
void inner(int hidden);
}
class later;
// Why not.
template <class T, class U = vector<int>>
class SYNCXX_CAPABILITY("thing") thing : public base<T> {
 public:
  thing() noexcept : value_(0) { for (;;) { helper(1); } }
  thing(const thing&) = delete;
  ~thing() {}
  // Both.
  void lock() SYNCXX_ACQUIRE() { raw_.lock(); }
  template <class Rep>
  bool try_lock_for(const duration<Rep>& d) noexcept(true) {
    return other(d);
  }

  int in_page() const;
  bool operator==(const thing&) const;  // by value

 private:
  friend class later;
  void secret();
  int value_;
};
enum class color { red, green };  // of it
using alias = thing<int>;  // for short
}
#endif
"""

PROBLEMS = {
    "no comment": ("include/sync/thing.h", "\n  int in_page() const;",
                   "\n  int bare() const;", "`bare` has no comment"),
    "no comment, templated": (
        "include/sync/thing.h", "\n  int in_page() const;",
        "\n  template <class T>\n  requires(is<T>) explicit bare2(T t);",
        "`bare2` has no comment"),
    "no comment on a class": (
        "include/sync/thing.h", "class later;", "struct bare3 {\n};\n",
        "`bare3` has no comment"),
    "no comment on a macro": (
        "include/sync/thing.h", "#define SYNCXX_USEFUL",
        "\n#define SYNCXX_BARE 1\n\n#define SYNCXX_USEFUL",
        "`SYNCXX_BARE` has no comment"),
    "no comment on an alias": (
        "include/sync/thing.h", "using alias = thing<int>;  // for short",
        "\nusing bare4 = thing<int>;", "`bare4` has no comment"),
    "no comment on a function": (
        "include/sync/thing.h", "class later;",
        "\ninline int bare5(int x) {\n  return x;\n}\n",
        "`bare5` has no comment"),
    "no page": ("docs/design/thing.md", None, None, "there is no docs/design"),
    "not in the index": ("docs/design/README.md", "(thing.md)", "()",
                         "does not list thing.md"),
    "not in the table": ("README.md", "| `<sync/thing.h>`", "| thing",
                         "no table row for <sync/thing.h>"),
    "reference": ("include/sync/thing.h", "docs/design/thing.md",
                  "docs/design/thin.md", "there is no docs/design/thin.md"),
    "link": ("README.md", "docs/design/thing.md#the-problem",
             "docs/design/none.md", "docs/design/none.md leads nowhere"),
    "anchor": ("README.md", "#the-problem", "#the-problems",
               "no such heading"),
    "absolute link": ("README.md", "(docs/design/thing.md", "(/docs/x.md",
                      "make it relative"),
    "marker": ("README.md", END, "", "needs one"),
    "example": ("examples/quick_start.cc", "return 0;", "return 1;",
                "not so in examples/quick_start.cc"),
    "long header": ("include/sync/thing.h", "#endif\n",
                    "#endif\n" + "\n" * HEADER_LINES, "lines, at most"),
    "long source": ("src/thing.cc", "x", "\n" * (SOURCE_LINES + 1),
                    "lines, at most"),
}

GOOD = {
    "include/sync/thing.h": HEADER,
    "src/thing.cc": "int x;\n",
    "docs/design/thing.md": "# Thing\n\n## The problem\n\n`in_page()`\n",
    "docs/design/README.md": "[thing](thing.md)\n",
    "examples/quick_start.cc": "#include <x>\nint main() {\n  return 0;\n}\n",
    "README.md": "# X\n\n[t](docs/design/thing.md#the-problem)\n"
                 "[x](https://example.org/) `[not](a-link.md)`\n\n"
                 "| `<sync/thing.h>` | 4 |\n"
                 f"{BEGIN}\n{END}\n"
                 "```cpp\nint main() {\n  return 0;\n}\n```\n",
}


def run_on(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(root)


def self_test():
    """A good tree passes; each change to it gives the problem it stands for."""
    failures = []
    names = [name for name, _ in public_names(HEADER)]
    wanted = ["SYNCXX_USEFUL", "thing", "lock", "try_lock_for", "in_page",
              "operator==", "color", "alias"]
    if names != wanted:
        failures.append(f"names: {names}, wanted {wanted}")
    problems = run_on(GOOD)
    if problems:
        failures.append(f"good tree: {problems}")
    for name, (file, old, new, words) in PROBLEMS.items():
        files = dict(GOOD)
        if old is None:
            del files[file]
        elif old not in files[file]:
            failures.append(f"{name}: `{old}` is not in {file}")
        else:
            files[file] = files[file].replace(old, new)
        problems = run_on(files)
        if not any(words in problem for problem in problems):
            failures.append(f"{name}: wanted `{words}`, got {problems}")
    if failures:
        print("\n".join("self-test: " + failure for failure in failures))
        return 1
    print("check_docs: self-test passed")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    compiler = sys.argv[2] if sys.argv[1:-1] == ["--compile"] else None
    if len(sys.argv) != (1 if compiler is None else 3):
        print(__doc__, file=sys.stderr)
        return 2
    problems = check(root)
    if compiler is not None:
        problems += check_programs(root, compiler)
    print("\n".join(problems + [f"check_docs: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
