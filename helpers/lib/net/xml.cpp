// SPDX-License-Identifier: Apache-2.0
#include "net/xml.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>

#include <expat.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

constexpr std::size_t deepest = 64;

class XmlReader {
public:
        XmlReader() : parser_(XML_ParserCreate(nullptr), XML_ParserFree)
        {
                XML_SetUserData(parser_.get(), this);
                XML_SetElementHandler(parser_.get(), begin, end);
                XML_SetCharacterDataHandler(parser_.get(), add_text);
                XML_SetStartDoctypeDeclHandler(parser_.get(), refuse_doctype);
        }

        // What is wrong with the text; "" if nothing is.
        std::string read(std::string_view text)
        {
                if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
                        return "it is too long";

                const auto status =
                        XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
                if (status == XML_STATUS_OK)
                        return {};
                if (!wrong_.empty())
                        return wrong_;

                return fmt::format("line {}: {}", XML_GetCurrentLineNumber(parser_.get()),
                        XML_ErrorString(XML_GetErrorCode(parser_.get())));
        }

        XmlElement take_root() { return std::move(top_.children_.front()); }

private:
        static XmlReader& self(void* reader) { return *static_cast<XmlReader*>(reader); }

        static void begin(void* reader, const XML_Char* name, const XML_Char** /*attributes*/)
        {
                auto& open = self(reader).open_;
                if (open.size() > deepest) {
                        self(reader).stop("its elements nest too deeply");
                        return;
                }

                const std::string_view full(name);
                auto& siblings = open.back()->children_;
                siblings.emplace_back(std::string(full.substr(full.rfind(':') + 1)));
                open.push_back(&siblings.back()); // a sibling comes only after it has ended
        }

        static void end(void* reader, const XML_Char* /*name*/) { self(reader).open_.pop_back(); }

        static void add_text(void* reader, const XML_Char* text, int length)
        {
                self(reader).open_.back()->text_.append(text, static_cast<std::size_t>(length));
        }

        // With one, a short text may stand for a very long one.
        static void refuse_doctype(void* reader, const XML_Char* /*name*/, const XML_Char* /*system*/,
                const XML_Char* /*public_id*/, int /*has_internal_subset*/)
        {
                self(reader).stop("it has a document type declaration");
        }

        void stop(const char* wrong)
        {
                wrong_ = wrong;
                XML_StopParser(parser_.get(), XML_FALSE);
        }

        XmlElement top_{""};
        std::vector<XmlElement*> open_{&top_};
        std::string wrong_;
        std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser_;
};

const XmlElement* XmlElement::find(std::string_view path) const
{
        const auto slash = path.find('/');
        const auto child = std::ranges::find(children_, path.substr(0, slash), &XmlElement::name_);
        if (child == children_.end())
                return nullptr;
        return slash == path.npos ? &*child : child->find(path.substr(slash + 1));
}

std::string XmlElement::text_at(std::string_view path) const
{
        const auto* element = find(path);
        return element == nullptr ? std::string() : element->text_;
}

XmlElement parse_xml(std::string_view text, std::string_view what)
{
        XmlReader reader;
        if (const auto wrong = reader.read(text); !wrong.empty())
                throw Error(failure::aws_answer, fmt::format("{} is not XML: {}", what, wrong),
                        "Check what answers for AWS: a proxy, or AWS_ENDPOINT_URL");

        return reader.take_root();
}

} // namespace eks
