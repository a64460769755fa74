// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "userdata/documents.hpp"
#include "userdata/mime.hpp"

using eks::MimePart;
using eks::parse_mime;
using test::refusal;
using namespace std::string_literals;

namespace eks {

bool operator==(const MimePart& a, const MimePart& b)
{
        return a.content_type == b.content_type && a.body == b.body && a.line == b.line &&
               a.nested == b.nested && a.in_broken == b.in_broken;
}
std::ostream& operator<<(std::ostream& out, const MimePart& part)
{
        return out << '{' << part.content_type << ", line " << part.line << ", " << part.body << '}';
}

} // namespace eks

namespace {

const std::string header = "MIME-Version: 1.0\n"
                           "Content-Type: multipart/mixed; boundary=\"BOUNDARY\"\n"
                           "\n";

std::vector<MimePart> parsed(const std::string& text)
{
        const auto document = parse_mime(text, "user data").value();
        if (document.error)
                throw eks::Error(*document.error);
        return document.parts;
}

std::string one_part(const std::string& headers, const std::string& body)
{
        return header + "--BOUNDARY\n" + headers + "\n" + body + "\n--BOUNDARY--\n";
}

test::Refusal refused_mime(const std::string& text)
{
        return refusal([&] { parsed(text); });
}

} // namespace

TEST_CASE("Parts come with type, body and line", "[mime]")
{
        const auto text = header + "--BOUNDARY\n"                             // 4
                                   "Content-Type: application/node.eks.aws\n" // 5
                                   "\n"                                       // 6
                                   "---\n"                                    // 7
                                   "kind: NodeConfig\n"                       // 8
                                   "\n"                                       // 9
                                   "--BOUNDARY\n"                             // 10
                                   "Content-Type: text/x-shellscript; charset=us-ascii\n"
                                   "X-Other: whatever\n"
                                   "\n"
                                   "#!/bin/sh\n" // 14
                                   "--BOUNDARY--\n";
        const std::vector<MimePart> expected{{"application/node.eks.aws", "---\nkind: NodeConfig\n", 7},
                {"text/x-shellscript", "#!/bin/sh", 14}};
        CHECK(parsed(text) == expected);

        auto windows = expected;
        windows[0].body = "---\r\nkind: NodeConfig\r\n";
        CHECK(parsed(test::crlf(text)) == windows);
}

TEST_CASE("Only a header block with a multipart Content-Type makes a MIME document", "[mime]")
{
        const std::vector<std::string> rows{
                "",
                "\n",
                "\n\n",
                "\0"s,
                "#!/bin/bash\n\necho\n",
                "---\napiVersion: node.eks.aws/v1alpha1\n",
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: a\n",
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n\nspec:\n  cluster:\n    name: a\n",
                "{\"apiVersion\": \"node.eks.aws/v1alpha1\"}\n\n",
                "MIME-Version: 1.0\n\nbody\n",
                "Content-Type: text/plain\n\nbody\n",
                "Content-Type: \n\nbody\n",
                "Content-Type:\n\nbody\n",
                "Content-Type: text/multipart/mixed; boundary=a\n\n--a\n",
                "X-Content-Type: multipart/mixed; boundary=a\n\n--a--\n",
                // The first of two counts, and only at the start of the text.
                "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=a\n\n--a--\n",
                "\nContent-Type: multipart/mixed; boundary=a\n\n--a--\n",
                " Content-Type: multipart/mixed; boundary=a\n\n--a--\n",
                "#Content-Type\nContent-Type: multipart/mixed; boundary=a\n\n--a--\n",
                "Content Type: multipart/mixed; boundary=a\n\n--a--\n",
                "--a\nContent-Type: multipart/mixed; boundary=a\n\n--a--\n",
        };
        for (const auto& row : rows) {
                CAPTURE(row);
                CHECK_FALSE(parse_mime(row, "user data"));
        }
}

TEST_CASE("The boundary may be quoted, folded and odd", "[mime]")
{
        struct Row {
                std::string header;
                std::string boundary;
        };
        const std::vector<Row> rows{
                {"Content-Type: multipart/mixed; boundary=\"//\"\n", "//"},
                {"content-type:multipart/mixed;boundary=a\n", "a"},
                {"CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=aB\n", "aB"},
                {"Content-Type: multipart/mixed;\n boundary=\"a b\"\n", "a b"},
                {"Content-Type:\n\tmultipart/mixed\n\t; charset=utf-8\n\t; boundary = \"a\"  ;\n", "a"},
                {"Content-Type: multipart/related; type=\"a;b\\\"c\"; boundary=x\n", "x"},
                {"Content-Type: multipart/mixed; boundary=\"a\\b\"\n", "a\\b"},
                {"Content-Type: multipart/mixed; boundary=\"a\\\"b\"\n", "a\"b"},
                {"Content-Type: multipart/mixed; boundary=a; boundary=b\n", "a"},
                {"Content-Type: multipart/mixed; boundary=\"===============0123==\"\nMIME-Version: 1.0\n",
                        "===============0123=="},
                {"From nobody Sat Nov 21 11:15:23 2026\nContent-Type: multipart/mixed; boundary=a\n", "a"},
                {"X-One: a\n more\nContent-Type: multipart/mixed; boundary=a\nX-Two:\n", "a"},
                // RFC 2231
                {"Content-Type: multipart/mixed; boundary*0=\"BOUN\";\n boundary*1=\"DARY\"\n", "BOUNDARY"},
                {"Content-Type: multipart/mixed; Boundary*1=b; boundary*0=a; boundary*3=d\n", "ab"},
                {"Content-Type: multipart/mixed; boundary*=us-ascii''X\n", "X"},
                {"Content-Type: multipart/mixed; boundary*=\"UTF-8'en'a%20'%2f\"\n", "a '/"},
                {"Content-Type: multipart/mixed; boundary*0*=utf-8''%2F; boundary*1=%2F; boundary*2*=%2F\n",
                        "/%2F/"},
                {"Content-Type: multipart/mixed; boundary=a; boundary*0=b\n", "b"},
                {"Content-Type: multipart/mixed; boundary=a; boundary*=latin-1''b\n", "a"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.header);
                const auto text =
                        row.header + "\n--" + row.boundary + "\n\nbody\n--" + row.boundary + "--\n";
                const auto parts = parsed(text);
                REQUIRE(parts.size() == 1);
                CHECK(parts[0].content_type.empty());
                CHECK(parts[0].body == "body");
        }
}

TEST_CASE("Text around the parts is not a part", "[mime]")
{
        const auto text =
                header +
                "This is a message.\n--BOUNDARYX\n --BOUNDARY\n\n"
                "--BOUNDARY  \t\n\none\n--BOUNDARY-\n--BOUNDARY--x\n--BOUNDARYX\n-- BOUNDARY\nx--BOUNDARY\n"
                "--BOUNDARY\n\n--BOUNDARY\n\n\n--BOUNDARY-- \n"
                "epilogue\n--BOUNDARY\nnot a part\n--BOUNDARY--\n";
        const auto parts = parsed(text);
        REQUIRE(parts.size() == 3);
        CHECK(parts[0].body == "one\n--BOUNDARY-\n--BOUNDARY--x\n--BOUNDARYX\n-- BOUNDARY\nx--BOUNDARY");
        CHECK(parts[1].body.empty());
        CHECK(parts[2].body.empty());
        CHECK(parsed(header + "--BOUNDARY--\n").empty());
        CHECK(parsed(header + "--BOUNDARY--").empty());
        CHECK(parsed(header + "--BOUNDARY\n\none\n--BOUNDARY--")[0].body == "one");
}

TEST_CASE("Encodings of parts are undone", "[mime]")
{
        struct Row {
                std::string encoding;
                std::string body;
                std::string decoded;
        };

        const std::vector<Row> rows{
                {"7bit", "a=41 ", "a=41 "},
                {"8bit", "\xc3\xa4", "\xc3\xa4"},
                {"binary", "\0\x1f\x8b"s, "\0\x1f\x8b"s},
                {"x-of-tomorrow", "=41", "=41"},
                {"", "=41", "=41"},
                {"base64", "QUJD\nREVG\n", "ABCDEF"},
                {"BASE64", " QUJD\n QQ", "ABCA"},
                {"base64", "", ""},
                {"quoted-printable", "a=3D=3d b", "a== b"},
                {"Quoted-Printable", "soft =\nbreak=  \nagain", "soft breakagain"},
                {"quoted-printable", "blanks at the end go  \t\nsecond=20\n",
                        "blanks at the end go\nsecond \n"},
                {"quoted-printable", "kind: NodeConfig=0A=C3=A4", "kind: NodeConfig\n\xc3\xa4"},
                {"quoted-printable", "", ""},
                {"quoted-printable", "=", ""},
                // What Go takes as it is.
                {"quoted-printable", "ok\n=4", "ok\n=4"},
                {"quoted-printable", "=XY=3D", "=XY="},
                {"base64", "Q!", "Q!"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.encoding, row.body);
                const auto parts =
                        parsed(one_part("Content-Transfer-Encoding: " + row.encoding + "\n", row.body));
                REQUIRE(parts.size() == 1);
                CHECK(parts[0].body == row.decoded);
        }

        CHECK(parsed(test::crlf(
                      one_part("Content-Transfer-Encoding: quoted-printable\n", "a =\nb=\n\nc")))[0]
                        .body == "a b\r\nc");
        CHECK(parsed(test::crlf(one_part("Content-Transfer-Encoding: base64\n", "QUJD\nREVG")))[0].body ==
                "ABCDEF");
}

TEST_CASE("A multipart in a part gives its parts in its place", "[mime]")
{
        const auto inner = "--BOUNDARY\nContent-Type: multipart/alternative; boundary=BOUNDARY2\n\n"
                           "preamble\n--BOUNDARY2\nContent-Type: text/cloud-config\n\na: 1\n"
                           "--BOUNDARY2\nContent-Type: text/plain\n\nb\n--BOUNDARY2--\nepilogue\n"s;
        const auto parts =
                parsed(header + "--BOUNDARY\n\nbefore\n" + inner + "--BOUNDARY\n\nafter\n--BOUNDARY--\n");
        const std::vector<MimePart> expected{{"", "before", 6}, {"text/cloud-config", "a: 1", 14, true},
                {"text/plain", "b", 18, true}, {"", "after", 23}};
        CHECK(parts == expected);
}

TEST_CASE("A broken document is refused with its line", "[mime]")
{
        struct Row {
                std::string text;
                std::string wrong;
        };
        const std::string start = "Content-Type: multipart/mixed; boundary=a\n";
        const std::vector<Row> rows{
                {"Content-Type: multipart/mixed\n\n--a\n",
                        "line 1, column 1: Content-Type is multipart, but has no boundary"},
                {"A: b\nContent-Type: multipart/mixed; boundary=\"\"\n\n",
                        "line 2, column 1: Content-Type is multipart, but"},
                {"Content-Type: multipart/mixed; charset=a\n\n",
                        "line 1, column 1: Content-Type is multipart, but"},
                {"Content-Type: multipart/mixed; boundary*0=a\n\n", "no line is '--a'"},
                {"Content-Type: multipart/mixed; boundary*1=a\n\n", "nodeadm does not read"},
                {"Content-Type: multipart/mixed; boundary*=latin-1''a\n\n", "nodeadm does not read"},
                {"Content-Type: multipart/mixed; boundary*=us-ascii''%4\n\n", "nodeadm does not read"},
                {"Content-Type: multipart/mixed; boundary*0=a; boundary*0=b\n\n",
                        "Content-Type is malformed"},
                {"Content-Type: multipart/mixed; boundary=\n\n",
                        "line 1, column 1: Content-Type is malformed"},
                {"Content-Type: multipart/mixed; boundary\n\n", "Content-Type is malformed"},
                {"Content-Type: multipart/mixed; boundary=\"a\n\n", "Content-Type is malformed"},
                {"Content-Type: multipart/mixed; boundary=\"a\\\n\n", "Content-Type is malformed"},
                {"Content-Type: multipart/mixed; boundary=a b\n\n", "boundary=\"a b\""},
                {"Content-Type: multipart/mixed; boundary=//\n\n--//\n",
                        "put the boundary into double quotes, boundary=\"//\""},
                {"Content-Type: multipart/mixed boundary=a\n\n", "Content-Type is malformed"},
                {"Content-Type: multipart/; boundary=a\n\n", "Content-Type is malformed"},
                {"Content-Type: multipart/mixed; =a\n\n", "Content-Type is malformed"},
                {start, "line 1, column 1: no empty line after the header of a MIME document"},
                {start + "--a\n\nx\n--a--\n",
                        "line 2, column 1: no empty line after the header of a MIME document"},
                {start + "\n", "line 2, column 1: no MIME part after this header: no line is '--a'"},
                {start + "\nfoo\n--b\n--b--\n", "line 2, column 1: no MIME part after this header"},
                {start + "\n--a",
                        "line 3, column 1: this MIME part has no end: no line after it is '--a--'"},
                {start + "\n--a\n\nx\n--a\n\ny\n", "line 6, column 1: this MIME part has no end"},
                {start + "\n--a\nContent-Type: text/plain\n--a--\n",
                        "line 3, column 1: no empty line after the header of this"},
                {start + "\n--a\n--a--\n",
                        "line 3, column 1: no empty line after the header of this MIME part"},
                {start + "\n--a\n#!/bin/sh\n--a--\n",
                        "line 4, column 1: not a 'Name: value' line of a MIME part's header"},
                {start + "\n--a\n folded\n\n--a--\n", "line 4, column 1: not a 'Name: value' line"},
                {start + "\n--a\nContent-Type: a b\n\n--a--\n",
                        "line 4, column 1: Content-Type is malformed"},
                {start + "\n--a\nContent-Type: a/\n\n--a--\n",
                        "line 4, column 1: Content-Type is malformed"},
                {start + "\n--a\nContent-Type: a/b/c\n\n--a--\n",
                        "line 4, column 1: Content-Type is malformed"},
                {start + "\n--a\nContent-Type: \xff/b\n\n--a--\n",
                        "line 4, column 1: Content-Type is malformed"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                for (const auto& text : {row.text, test::crlf(row.text)}) {
                        const auto wrong = refused_mime(text);
                        CHECK(wrong.failure == "config-syntax");
                        CHECK(wrong.mentions("user data, line "));
                        CHECK(wrong.mentions(row.wrong));
                        CHECK_FALSE(wrong.remedy.empty());
                }
        }
}

TEST_CASE("As in Go, a delimiter or a header at the end closes the document", "[mime]")
{
        const auto part = header + "--BOUNDARY\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--BOUNDARY";
        for (const std::string end :
                {"\n", "  \n", "\nContent-Type: application/node.eks.aws\n", "\nA: b\n c", "\nA: b"}) {
                CAPTURE(end);
                for (const auto& text : {part + end, test::crlf(part + end)})
                        CHECK(parsed(text) == std::vector<MimePart>{{"text/x-shellscript", "#!/bin/sh", 7}});
        }

        for (const std::string end :
                {"", " ", "\n\n", "\nA: b\n\n", "\nA: b\n\nx\n", "\nA\n", "\n A: b\n"}) {
                CAPTURE(end);
                CHECK(refused_mime(part + end).failure == "config-syntax");
        }
}

TEST_CASE("In a broken document the parts are found that cloud-init finds", "[mime]")
{
        struct Row {
                std::string text;
                int line; // of the error
                std::vector<MimePart> parts;
        };

        const std::string start = "Content-Type: multipart/mixed; boundary=a\n";
        const std::string type = "Content-Type: text/x-shellscript; charset=\"us-ascii\"\n";
        const std::vector<Row> rows{
                {start + "\n--a\n" + type + "#!/bin/sh\n--a--\n", 5,
                        {{"text/x-shellscript", "#!/bin/sh", 5}}},
                {start + "--a\n" + type + "\n#!/bin/sh\n--a--\n", 2,
                        {{"text/x-shellscript", "#!/bin/sh", 5}}},
                {start + "\n--a\n" + type + "\n#!/bin/sh\n--a", 7, {{"text/x-shellscript", "#!/bin/sh", 6}}},
                {start + "\n--a\n" + type + "\nx\n--a--\\\n", 3, {{"text/x-shellscript", "x\n--a--\\", 6}}},
                {start + "\n--a\n--a\n" + type + "\nx\n--a--\n", 3, {{"text/x-shellscript", "x", 7}}},
                {start + "\n--a\n--a--\n#!/bin/sh\n", 3, {{"", "#!/bin/sh", 5}}},
                {start + "\n--a\nKey(1): x\n" + type + "\nx\n--a--\n", 4, {{"text/x-shellscript", "x", 7}}},
                {start + "\n--a\n: x\n" + type + "\nx\n--a--\n", 4, {{"text/x-shellscript", "x", 7}}},
                {start + "\n--a\n x\n" + type + "\nx\n--a--\n", 4, {{"text/x-shellscript", "x", 7}}},
                {start + "\n--a\nContent-Type: text/x-foo; a b\n\nx\n--a--\n", 4, {{"text/x-foo", "x", 6}}},
                {start + "\n--a\n\nx\n", 3, {{"", "x", 5}}},
                {"Content-Type: multipart/mixed; charset=a b; Boundary = //\n\n--//\n\nx\n--//--\n", 1,
                        {{"", "x", 5}}},
                {"Content-Type: multipart/mixed; boundary=\"//\" x\n\n--\"//\" x\n\nx\n--//--\n", 1,
                        {{"", "x\n--//--", 5}}},
                {"Content-Type: multipart/mixed\n\n--a\n\nx\n--a--\n", 1, {}},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto document = parse_mime(row.text, "user data").value();
                CHECK(document.parts == row.parts);
                REQUIRE(document.error);
                CHECK_THAT(document.error->what(),
                        Catch::StartsWith("user data, line " + std::to_string(row.line) + ", column 1: "));
        }
}

TEST_CASE("An error in a multipart of a part is not one of the document", "[mime]")
{
        struct Row {
                std::string nested;
                int line;
                std::vector<MimePart> parts;
        };

        const std::vector<Row> rows{
                {"Content-Type: multipart/x\n\n--b\n\nx\n", 5, {}},
                {"Content-Type: multipart/x; boundary=b\n\n--b\n\nx\n", 7, {{"", "x", 9, true, true}}},
                {"Content-Type: multipart/x; boundary=b\n\n--b\nContent-Type: a/b; c d\n\nx\n--b--\n", 8,
                        {{"a/b", "x", 10, true, true}}},
                {"Content-Type: multipart/x; boundary=b\n\nx\n", 6, {}},
        };

        for (const auto& row : rows) {
                CAPTURE(row.nested);
                const auto document =
                        parse_mime(header + "--BOUNDARY\n" + row.nested + "--BOUNDARY--\n", "user data")
                                .value();
                CHECK_FALSE(document.error);
                CHECK(document.parts == row.parts);
                REQUIRE(document.nested_errors.size() == 1);
                CHECK_THAT(document.nested_errors[0],
                        Catch::StartsWith("user data, line " + std::to_string(row.line) + ", column 1: "));
        }
}

TEST_CASE("A delimiter that closes before the first part is text, unless lines end in CRLF", "[mime]")
{
        const auto text = header + "--BOUNDARY--\n--BOUNDARY\n\nx\n--BOUNDARY--\n";
        CHECK(parsed(text).size() == 1);
        CHECK(parsed(test::crlf(text)).empty());
}

TEST_CASE("A message is one part if cloud-init takes it for MIME", "[mime]")
{
        const std::string version = "MIME-Version: 1.0\n";
        CHECK_FALSE(eks::parse_mime_message("Content-Type: text/x-shellscript\n\nx\n"));
        CHECK_FALSE(eks::parse_mime_message(std::string(4090, '#') + version));
        CHECK(eks::parse_mime_message(version + "Content-Type: text/x-shellscript\n\nx\n") ==
                MimePart{"text/x-shellscript", "x\n", 4});
        CHECK(eks::parse_mime_message("mime-version: 1.0\n#!/bin/sh\n") == MimePart{"", "#!/bin/sh\n", 2});
        CHECK(eks::parse_mime_message("#!/bin/sh\n" + version) == MimePart{"", "#!/bin/sh\n" + version, 1});
}

TEST_CASE("Nesting ends at a named limit, parts do not", "[mime]")
{
        const auto parts = [](std::size_t count) {
                auto text = header;
                for (std::size_t i = 0; i < count; ++i)
                        text += "--BOUNDARY\n\nx\n";
                return text + "--BOUNDARY--\n";
        };

        CHECK(parsed(parts(10'000)).size() == 10'000);

        const auto nested = [](int depth) {
                std::string text = "Content-Type: multipart/mixed; boundary=b0\n\n";
                for (int i = 0; i + 1 < depth; ++i)
                        text += "--b" + std::to_string(i) + "\nContent-Type: multipart/mixed; boundary=b" +
                                std::to_string(i + 1) + "\n\n";
                text += "--b" + std::to_string(depth - 1) + "\n\nx\n";

                for (int i = depth; i-- > 0;)
                        text += "--b" + std::to_string(i) + "--\n";
                return text;
        };

        CHECK(parsed(nested(4)).size() == 1);

        for (const int depth : {5, 50}) {
                const auto deep = parse_mime(nested(depth), "user data").value();
                CHECK_FALSE(deep.error);
                CHECK(deep.parts.empty());
                REQUIRE(deep.nested_errors.size() == 1);
                CHECK(deep.nested_errors[0].find("more than 4 multiparts in each other") !=
                        std::string::npos);
        }
}

TEST_CASE("Every beginning of a document is read", "[mime]")
{
        const auto whole = header +
                           "--BOUNDARY\nContent-Type: multipart/mixed;\n boundary=\"B\"\n\n--B\n"
                           "Content-Transfer-Encoding: quoted-printable\n\na=3Db=\n\n--B--\n--BOUNDARY--\n";
        for (const auto& text : {whole, test::crlf(whole)})
                for (std::size_t size = 0; size < text.size(); ++size) {
                        CAPTURE(size);
                        CHECK_NOTHROW(parse_mime(text.substr(0, size), "user data"));
                }
}
