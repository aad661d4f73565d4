#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every memory order says what it synchronizes with.

An order other than relaxed, in include/sync/ and src/ (but for the
checkers' worlds, which are about orders and rely on none), needs a tag in a
comment on its line or up to 4 lines above (no blank line and no lone `}` in
between). A tag is defined once in the project:

    // [M1] acquire; pairs with [M2], [M4]: what the owner wrote is seen.
    // [S1] acq_rel; the acquire half pairs with [S3]: ...
    // [X1] acq_rel, acquire on failure; pairs with [X2].

and may be used again in the same file, at another place that plays the same
part, by a comment that begins with it and names no order:

    // [C3], without the wake: ...

Pairs are mutual, and join something that releases with something that
acquires. Relaxed orders need no tag. An atomic operation without an order is
seq_cst in disguise and is refused. Other mentions of a tag in comments, and in
docs/, must name one that is defined.

Usage: tools/check_pairs.py [--list | --self-test]
  --list  prints the tags and their partners
"""

import pathlib
import re
import sys
import tempfile

REACH = 4  # lines from the end of the comment to the order
TAG = r"\[([A-Z]{1,3}[0-9]{1,3})\]"
ORDERS = ("acquire", "release", "acq_rel", "seq_cst")
ORDER_WORD = re.compile(r"\b(%s)\b" % "|".join(ORDERS))
# In full; a comment that begins with a tag and names no order repeats it.
DEFINITION = re.compile(r"%s\s+((?:%s)\b[^;\[\]]*);" % (TAG, "|".join(ORDERS)))
PAIRS = re.compile(r"pairs with\s+((?:%s(?:,\s*and\s+|,\s*|\s+and\s+)?)+)" % TAG)

ORDER_USE = re.compile(r"\bmemory_order(?:_|::)(%s)\b" % "|".join(ORDERS))
NOT_A_USE = re.compile(r"^\s*using\s")
ATOMIC_CALL = re.compile(
    r"(?:\.|->)\s*(load|store|exchange|fetch_\w+|compare_exchange_\w+)\s*\(")

TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/"
    r'|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])'", re.DOTALL)


def split(text):
    """The lines of the code, and those of the comments, blanks elsewhere."""
    def blank(s):
        return re.sub(r"[^\n]", " ", s)
    code, comments, at = [], [], 0
    for match in TOKEN.finditer(text):
        code.append(text[at:match.start()])
        comments.append(blank(text[at:match.start()]))
        token, at = match.group(0), match.end()
        is_comment = token.startswith(("//", "/*"))
        code.append(blank(token))
        comments.append(token if is_comment else blank(token))
    code.append(text[at:])
    comments.append(blank(text[at:]))
    strip = re.compile(r"^\s*(//+|/\*+|\*/?)?\s?|\*/\s*$")
    return ("".join(code).split("\n"),
            [strip.sub("", line).strip()
             for line in "".join(comments).split("\n")])


class Comment:
    """Neighbouring lines of comment, as one text."""

    def __init__(self, first, last, text):
        self.first, self.last, self.text = first, last, text
        self.orders = {}  # tag -> orders it stands for here
        self.used = set()


class File:
    def __init__(self, name, text):
        self.name = name
        self.code, lines = split(text)
        self.comments = []
        self.at_line = {}
        i = 0
        while i < len(lines):
            if not lines[i]:
                i += 1
                continue
            # Comments behind code stand alone; whole lines of them join.
            last = i
            if not self.code[i].strip():
                while (last + 1 < len(lines) and lines[last + 1]
                       and not self.code[last + 1].strip()):
                    last += 1
            comment = Comment(i, last, " ".join(lines[i:last + 1]))
            self.comments.append(comment)
            for line in range(i, last + 1):
                self.at_line[line] = comment
            i = last + 1

    def place(self, line):
        return f"{self.name}:{line + 1}"


def read_tags(file, tags, problems):
    """Fills `tags` with definitions, and each comment with what it defines."""
    for comment in file.comments:
        for match in DEFINITION.finditer(comment.text):
            tag = match.group(1)
            place = file.place(comment.first)
            end = DEFINITION.search(comment.text, match.end())
            rest = comment.text[match.end():end.start() if end else None]
            partners = [t for group in PAIRS.finditer(rest)
                        for t in re.findall(TAG, group.group(1))]
            orders = set(ORDER_WORD.findall(match.group(2)))
            comment.orders[tag] = orders
            if tag in tags:
                problems.append(
                    f"{place}: [{tag}] is defined twice (first at "
                    f"{tags[tag]['place']}); for the same part at another "
                    f"place begin the comment with `[{tag}]` and no order")
                continue
            tags[tag] = {"place": place, "orders": orders, "file": file.name,
                         "partners": partners}


def read_repeats(file, tags, problems):
    for comment in file.comments:
        match = re.match(TAG, comment.text)
        if not match or comment.orders:
            continue
        tag = match.group(1)
        known = tags.get(tag)
        if known is None:
            continue  # reported as a mention
        if known["file"] != file.name:
            problems.append(
                f"{file.place(comment.first)}: [{tag}] belongs to "
                f"{known['place']}: a place in another file needs its own tag")
        comment.orders[tag] = known["orders"]


def comments_near(file, line):
    """Those that an order on this line can take its tag from, nearest first."""
    at = line
    while at >= 0:
        comment = file.at_line.get(at)
        if comment is not None:
            if line - comment.last > REACH:
                return
            yield comment
            at = comment.first if comment.first < at else at
        elif at < line and file.code[at].strip() in ("", "}", "};"):
            return
        at -= 1
        if line - at > REACH and file.at_line.get(at) is None:
            return


def check_orders(file, problems):
    for line, code in enumerate(file.code):
        if NOT_A_USE.match(code):
            continue
        for match in ORDER_USE.finditer(code):
            order = match.group(1)
            other = None
            for comment in comments_near(file, line):
                fitting = [t for t, o in comment.orders.items() if order in o]
                if fitting:
                    comment.used.update(fitting)
                    break
                if comment.orders and other is None:
                    other = comment
            else:
                if other is not None:
                    said = ", ".join(f"[{t}] {'/'.join(sorted(o))}"
                                     for t, o in other.orders.items())
                    problems.append(f"{file.place(line)}: {order}, but the "
                                    f"comment says {said}")
                else:
                    problems.append(f"{file.place(line)}: {order} without a "
                                    f"tag")
    for comment in file.comments:
        for tag in comment.orders:
            if tag not in comment.used:
                problems.append(f"{file.place(comment.first)}: orphan: no "
                                f"order here that [{tag}] describes")


def check_implicit(file, problems):
    text = "\n".join(file.code)
    for match in ATOMIC_CALL.finditer(text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        arguments = text[match.end():at - 1]
        if not re.search(r"\bmemory_order|\border\b", arguments):
            line = text.count("\n", 0, match.start())
            problems.append(f"{file.place(line)}: {match.group(1)}() without "
                            f"an order is seq_cst: name the order")


def check_partners(tags, problems):
    acquiring = {"acquire", "acq_rel", "seq_cst"}
    releasing = {"release", "acq_rel", "seq_cst"}
    for tag, known in sorted(tags.items()):
        if not known["partners"]:
            problems.append(f"{known['place']}: [{tag}] names no partner "
                            f"(`pairs with [{tag[:1]}…]`)")
        for partner in known["partners"]:
            other = tags.get(partner)
            if other is None:
                continue  # reported as a mention
            if tag not in other["partners"]:
                problems.append(
                    f"{known['place']}: [{tag}] pairs with [{partner}], but "
                    f"[{partner}] ({other['place']}) does not name [{tag}]")
            a, b = known["orders"], other["orders"]
            if not (a & acquiring and b & releasing
                    or a & releasing and b & acquiring):
                problems.append(
                    f"{known['place']}: [{tag}] {'/'.join(sorted(a))} cannot "
                    f"pair with [{partner}] {'/'.join(sorted(b))}")


def check_mentions(files, documents, tags, problems):
    for file in files:
        for comment in file.comments:
            for tag in sorted(set(re.findall(TAG, comment.text))):
                if tag not in tags:
                    problems.append(f"{file.place(comment.first)}: [{tag}] is "
                                    f"defined nowhere")
    for name, text in documents:
        for number, line in enumerate(text.split("\n"), 1):
            for tag in re.findall(TAG, line):
                if tag not in tags:
                    problems.append(f"{name}:{number}: [{tag}] is defined "
                                    f"nowhere")


def check(root):
    """(problems, tags, number of tagged orders) of the tree at `root`."""
    root = pathlib.Path(root)
    files = [File(p.relative_to(root).as_posix(), p.read_text())
             for folder in ("include/sync", "src")
             for p in sorted((root / folder).rglob("*"))
             if p.suffix in (".h", ".cc")
             and not {"model", "relacy"} & set(p.parts)]
    documents = [(p.relative_to(root).as_posix(), p.read_text())
                 for p in sorted((root / "docs").rglob("*.md"))]
    documents += [(p.relative_to(root).as_posix(), p.read_text())
                  for p in sorted((root / "src").rglob("*.md"))]
    problems, tags = [], {}
    for file in files:
        read_tags(file, tags, problems)
    for file in files:
        read_repeats(file, tags, problems)
    for file in files:
        check_orders(file, problems)
        check_implicit(file, problems)
    check_partners(tags, problems)
    check_mentions(files, documents, tags, problems)
    orders = sum(len(ORDER_USE.findall(line)) for file in files
                 for line in file.code if not NOT_A_USE.match(line))
    return sorted(set(problems), key=by_place), tags, orders


def by_place(problem):
    name, line = problem.split(": ")[0].rsplit(":", 1)
    return name, int(line), problem


GOOD = """
// I1: a thread sleeps only while [A1] has not happened.
void f() {
  // [A1] release; pairs with [A2], [A3]: what the giver wrote,
  // over two lines.
  w.store(1, memory_order_release);
}
int g() {
  int x = w.load(detail::memory_order_acquire);  // [A2] acquire; pairs with [A1].
  do {
    // [A3] acq_rel, acquire on failure; the acquire half pairs with [A1]; the
    // release half pairs with [A4].
  } while (!w.compare_exchange_weak(x, 2, memory_order_acq_rel,
                                    memory_order_acquire));
  // [A1], at another place.
  w.store(1, std::memory_order_release);
  w.fetch_add(1, memory_order_relaxed);
  // [A4] acquire (here and below); pairs with [A3].
  int y = w.load(memory_order_acquire);
  for (;; y = w.load(memory_order_acquire)) {
  }
}
using std::memory_order_acquire;
const char* s = "[Z9] memory_order_seq_cst";
char quote = '"';  // an odd number of them, then "code"
"""

# name, code, what the one problem must say
BAD = [
    ("no tag", "int f() { return w.load(memory_order_acquire); }",
     "acquire without a tag"),
    ("blank line between",
     "// [A1] acquire; pairs with [A1].\n\nint i = w.load(memory_order_acquire);",
     "acquire without a tag"),
    ("end of a block between",
     "// [A1] acquire; pairs with [A1].\n}\nint i = w.load(memory_order_acquire);",
     "acquire without a tag"),
    ("too far away", "// [A1] acquire; pairs with [A1].\na;\nb;\nc;\nd;\n"
     "int i = w.load(memory_order_acquire);", "acquire without a tag"),
    ("partner's name is no tag for it",
     "// what was written before [A1] and so on\n"
     "w.store(1, memory_order_release);", "release without a tag"),
    ("enumerator", "w.store(1, std::memory_order::release);",
     "release without a tag"),
    ("wrong order", "// [A1] acquire; pairs with [A2].\n"
     "w.store(1, memory_order_release);", "the comment says [A1] acquire"),
    ("implicit", "int f() { return w.load(); }", "is seq_cst"),
    ("implicit over lines", "bool b = p->compare_exchange_strong(\n  x, (y));",
     "is seq_cst"),
    ("unknown partner", "// [A1] release; pairs with [A9].\n"
     "w.store(1, memory_order_release);", "[A9] is defined nowhere"),
    ("no partner", "// [A1] release; pairs with the reader.\n"
     "w.store(1, memory_order_release);", "names no partner"),
    ("not mutual", "// [A1] release; pairs with [A2].\n"
     "w.store(1, memory_order_release);\n\n"
     "// [A2] acquire; pairs with [A3].\n"
     "w.load(memory_order_acquire);\n\n"
     "// [A3] release; pairs with [A2].\n"
     "w.store(1, memory_order_release);", "does not name [A1]"),
    ("two releases", "// [A1] release; pairs with [A2].\n"
     "w.store(1, memory_order_release);\n\n"
     "// [A2] release; pairs with [A1].\n"
     "w.store(1, memory_order_release);", "cannot pair with"),
    ("defined twice", "// [A1] seq_cst; pairs with [A1].\n"
     "w.store(1, memory_order_seq_cst);\n\n"
     "// [A1] seq_cst; pairs with [A1].\n"
     "w.store(1, memory_order_seq_cst);", "defined twice"),
    ("orphan", "// [A1] seq_cst; pairs with [A1].\n"
     "w.store(1, memory_order_seq_cst);\n\n"
     "// [A2] acquire; pairs with [A1].\nreturn;", "orphan"),
    ("orphan repeat", "// [A1] seq_cst; pairs with [A1].\n"
     "w.store(1, memory_order_seq_cst);\n\n// [A1], again.\nreturn;", "orphan"),
    ("unknown mention", "// I1: after [B7] it is free.\nint x;",
     "[B7] is defined nowhere"),
]


def run_on(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(root)[0]


def self_test():
    """The good text passes; each bad one gives the problem it was made for."""
    failures = []
    problems = run_on({"src/good.cc": GOOD, "docs/d.md": "see [A4]"})
    if problems:
        failures.append(f"good text: {problems}")
    for name, code, wanted in BAD:
        problems = run_on({"src/bad.cc": code})
        if not any(wanted in problem for problem in problems):
            failures.append(f"{name}: wanted `{wanted}`, got {problems}")
    cases = {
        "twice in two files": ({
            "src/a.cc": "// [A1] seq_cst; pairs with [A1].\n"
                        "w.store(1, memory_order_seq_cst);",
            "include/sync/b.h": "// [A1] seq_cst; pairs with [A1].\n"
                                "w.store(1, memory_order_seq_cst);"},
            "defined twice"),
        "repeat in another file": ({
            "src/a.cc": "// [A1] seq_cst; pairs with [A1].\n"
                        "w.store(1, memory_order_seq_cst);",
            "src/b.cc": "// [A1], too.\nw.store(1, memory_order_seq_cst);"},
            "needs its own tag"),
        "document": ({"docs/design/x.md": "as [Q1] says"},
                     "docs/design/x.md:1: [Q1] is defined nowhere"),
    }
    for name, (files, wanted) in cases.items():
        problems = run_on(files)
        if not any(wanted in problem for problem in problems):
            failures.append(f"{name}: wanted `{wanted}`, got {problems}")
    if failures:
        print("\n".join("self-test: " + failure for failure in failures))
        return 1
    print("check_pairs: self-test passed")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:] not in ([], ["--list"]):
        print(__doc__, file=sys.stderr)
        return 2
    problems, tags, orders = check(
        pathlib.Path(__file__).resolve().parent.parent)
    if sys.argv[1:] == ["--list"]:
        for tag, known in sorted(tags.items(),
                                 key=lambda t: (t[0].rstrip("0123456789"),
                                                int(re.sub(r"\D", "", t[0])))):
            print(f"{tag:5} {'/'.join(sorted(known['orders'])):8} "
                  f"<-> {', '.join(known['partners']) or '-':20} "
                  f"{known['place']}")
    print("\n".join(problems + [f"check_pairs: {orders} orders, {len(tags)} "
                                f"tags, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
