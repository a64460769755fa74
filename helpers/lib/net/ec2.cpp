// SPDX-License-Identifier: Apache-2.0
#include "net/ec2.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/xml.hpp"

namespace eks {

namespace {

constexpr std::string_view instances_answer = "the answer of EC2 DescribeInstances";
constexpr std::string_view types_answer = "the answer of EC2 DescribeInstanceTypes";

AwsRequest query(std::string_view action, std::string_view name, std::string_view value)
{
        std::string encoded;
        for (const char c : value)
                if (is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.')
                        encoded += c;
                else
                        encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));

        return {.method = "POST",
                .host = {},
                .query = {},
                .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                .body = fmt::format("Action={}&{}={}&Version=2016-11-15", action, name, encoded)};
}

[[noreturn]] void bad_answer(std::string_view what, std::string_view wrong)
{
        throw Error(failure::aws_answer, fmt::format("{} {}", what, wrong),
                "Check what answers for EC2: a proxy, or AWS_ENDPOINT_URL");
}

// One line of an element, which the journal and a file of ours may contain.
std::string word_at(const XmlElement& element, std::string_view path, std::string_view what)
{
        auto text = element.text_at(path);
        if (has_control_characters(text))
                bad_answer(what, fmt::format("has a '{}' of more than one line", path));
        return text;
}

unsigned number_at(const XmlElement& element, std::string_view path)
{
        const auto number = parse_int<unsigned>(element.text_at(path));
        if (!number)
                bad_answer(types_answer, fmt::format("has no number '{}'", path));
        return *number;
}

// The only item of a list, if there is exactly one.
const XmlElement* only_item(const XmlElement& parent, std::string_view list)
{
        const auto* found = parent.find(list);
        return found != nullptr && found->children().size() == 1 ? &found->children().front() : nullptr;
}

// Those of the default network card: the CNI uses no other. A type without a list of cards has one card.
unsigned enis_of_default_card(const XmlElement& network)
{
        const auto* cards = network.find("networkCards");
        if (cards == nullptr || cards->children().empty())
                return number_at(network, "maximumNetworkInterfaces");

        const auto index = network.find("defaultNetworkCardIndex") == nullptr
                                   ? 0
                                   : number_at(network, "defaultNetworkCardIndex");
        for (const auto& card : cards->children())
                if (number_at(card, "networkCardIndex") == index)
                        return number_at(card, "maximumNetworkInterfaces");

        bad_answer(types_answer, fmt::format("does not describe the default network card {}", index));
}

} // namespace

AwsRequest describe_instance_request(std::string_view instance_id)
{
        return query("DescribeInstances", "InstanceId.1", instance_id);
}

AwsRequest describe_type_request(std::string_view instance_type)
{
        return query("DescribeInstanceTypes", "InstanceType.1", instance_type);
}

Ec2Instance parse_instance(const std::string& body, std::string_view instance_id)
{
        const auto root = parse_xml(body, instances_answer);
        const auto* reservation = only_item(root, "reservationSet");
        const auto* instance = reservation == nullptr ? nullptr : only_item(*reservation, "instancesSet");
        if (instance == nullptr || instance->text_at("instanceId") != instance_id)
                bad_answer(instances_answer, fmt::format("is not about the instance '{}'", instance_id));

        return {.private_dns_name = word_at(*instance, "privateDnsName", instances_answer),
                .instance_type = word_at(*instance, "instanceType", instances_answer),
                .availability_zone = word_at(*instance, "placement/availabilityZone", instances_answer)};
}

Ec2Type parse_type(const std::string& body, std::string_view instance_type)
{
        const auto root = parse_xml(body, types_answer);
        const auto* type = only_item(root, "instanceTypeSet");
        if (type == nullptr || type->text_at("instanceType") != instance_type)
                bad_answer(types_answer, fmt::format("is not about the type '{}'", instance_type));
        const auto* network = type->find("networkInfo");
        if (network == nullptr)
                bad_answer(types_answer, "has no 'networkInfo'");

        Ec2Type result{.max_enis = enis_of_default_card(*network),
                .ipv4_per_eni = number_at(*network, "ipv4AddressesPerInterface"),
                .vcpus = number_at(*type, "vCpuInfo/defaultVCpus"),
                .hypervisor = word_at(*type, "hypervisor", types_answer)};
        if (result.max_enis < 1 || result.ipv4_per_eni < 1)
                bad_answer(types_answer, "has no network interface, or no address for one");

        return result;
}

AwsError ec2_error(const std::string& body)
{
        try {
                const auto root = parse_xml(body, "the error");
                const auto* error = root.find("Errors/Error");
                return error == nullptr ? AwsError{}
                                        : AwsError{error->text_at("Code"), error->text_at("Message")};
        } catch (const Error&) {
                return {}; // of a proxy, or of nobody: its status tells
        }
}

bool is_unknown_instance(const AwsRefused& refusal)
{
        return refusal.kind == "InvalidInstanceID.NotFound";
}

} // namespace eks
