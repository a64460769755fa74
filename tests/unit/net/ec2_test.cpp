// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "net/ec2.hpp"
#include "net/xml.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

namespace {

std::string instances_xml(const std::string& items)
{
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
               "<requestId>r</requestId><reservationSet><item><ownerId>1</ownerId><instancesSet>" +
               items + "</instancesSet></item></reservationSet></DescribeInstancesResponse>";
}

std::string types_xml(const std::string& content)
{
        return "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>m9.large</instanceType>" +
               content + "</item></instanceTypeSet></DescribeInstanceTypesResponse>";
}

const std::string vcpus_xml = "<vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>";

} // namespace

TEST_CASE("The requests are queries of EC2's API, with values in the encoding of forms", "[ec2]")
{
        const auto request = describe_instance_request("i-0123456789abcdef0");
        CHECK(request.method == "POST");
        CHECK(request.path == "/");
        CHECK(request.body ==
                "Action=DescribeInstances&InstanceId.1=i-0123456789abcdef0&Version=2016-11-15");
        CHECK(describe_type_request("m9.large&x=1").body ==
                "Action=DescribeInstanceTypes&InstanceType.1=m9.large%26x%3D1&Version=2016-11-15");
}

TEST_CASE("An instance is described by its name, type and zone", "[ec2]")
{
        const auto instance = parse_instance(
                instances_xml("<item><instanceId>i-1</instanceId><instanceType>m5.large</instanceType>"
                          "<privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>"
                          "<placement><availabilityZone>us-east-1a</availabilityZone></placement></item>"),
                "i-1");
        CHECK(instance.private_dns_name == "ip-10-0-0-1.ec2.internal");
        CHECK(instance.instance_type == "m5.large");
        CHECK(instance.availability_zone == "us-east-1a");

        const auto starting = parse_instance(
                instances_xml("<item><instanceId>i-1</instanceId><privateDnsName/></item>"), "i-1");
        CHECK(starting.private_dns_name.empty());
}

TEST_CASE("An answer that is not about the instance is refused", "[ec2]")
{
        const std::string one = "<item><instanceId>i-1</instanceId></item>";
        for (const auto& body : {instances_xml(""), instances_xml(one + one),
                     instances_xml("<item><instanceId>i-2</instanceId></item>"),
                     instances_xml(
                             "<item><instanceId>i-1</instanceId><privateDnsName>a&#10;b</privateDnsName></item>"),
                     std::string("<html><body>Sign in</body></html>"), std::string("{}"), std::string()}) {
                CAPTURE(body);
                CHECK(refusal([&] { parse_instance(body, "i-1"); }).failure == "aws-answer");
        }
}

TEST_CASE("The interfaces of a type are those of its default network card", "[ec2]")
{
        const auto type = parse_type(
                types_xml("<hypervisor>nitro</hypervisor>" + vcpus_xml +
                        "<networkInfo><maximumNetworkInterfaces>9</maximumNetworkInterfaces>"
                        "<defaultNetworkCardIndex>1</defaultNetworkCardIndex><networkCards>"
                        "<item><networkCardIndex>0</networkCardIndex>"
                        "<maximumNetworkInterfaces>2</maximumNetworkInterfaces></item>"
                        "<item><networkCardIndex>1</networkCardIndex>"
                        "<maximumNetworkInterfaces>7</maximumNetworkInterfaces></item></networkCards>"
                        "<ipv4AddressesPerInterface>30</ipv4AddressesPerInterface></networkInfo>"),
                "m9.large");
        CHECK(type.max_enis == 7);
        CHECK(type.ipv4_per_eni == 30);
        CHECK(type.vcpus == 2);
        CHECK(type.hypervisor == "nitro");

        const auto plain = parse_type(
                types_xml(vcpus_xml + "<networkInfo><maximumNetworkInterfaces>3</maximumNetworkInterfaces>"
                              "<ipv4AddressesPerInterface>10</ipv4AddressesPerInterface></networkInfo>"),
                "m9.large");
        CHECK(plain.max_enis == 3);
        CHECK(plain.hypervisor.empty());
}

TEST_CASE("A type without its limits is refused", "[ec2]")
{
        const auto network = [](const std::string& content) {
                return types_xml(vcpus_xml + "<networkInfo>" + content + "</networkInfo>");
        };

        for (const auto& body : {types_xml(vcpus_xml), network(""),
                     network("<maximumNetworkInterfaces>3</maximumNetworkInterfaces>"),
                     network("<maximumNetworkInterfaces>0</maximumNetworkInterfaces>"
                             "<ipv4AddressesPerInterface>10</ipv4AddressesPerInterface>"),
                     network("<maximumNetworkInterfaces>3</maximumNetworkInterfaces>"
                             "<defaultNetworkCardIndex>4</defaultNetworkCardIndex><networkCards><item>"
                             "<networkCardIndex>0</networkCardIndex></item></networkCards>"
                             "<ipv4AddressesPerInterface>10</ipv4AddressesPerInterface>")}) {
                CAPTURE(body);
                CHECK(refusal([&] { parse_type(body, "m9.large"); }).failure == "aws-answer");
        }

        CHECK(refusal([] { parse_type(types_xml(vcpus_xml), "m9.xlarge"); }).failure == "aws-answer");
}

TEST_CASE("The error of EC2 is found in its answer, and in nothing else", "[ec2]")
{
        const auto error = ec2_error("<Response><Errors><Error><Code>UnauthorizedOperation</Code>"
                                     "<Message>no</Message></Error></Errors></Response>");
        CHECK(error.kind == "UnauthorizedOperation");
        CHECK(error.message == "no");
        for (const auto* body : {"", "<html>", "<Response/>", "503 Service Unavailable"})
                CHECK(ec2_error(body).kind.empty());
}

TEST_CASE("XML that stands for more than it is, or has no end, is refused", "[xml]")
{
        std::string deep;
        for (int i = 0; i < 100; ++i)
                deep += "<a>";

        for (const auto& text :
                {std::string("<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>"), deep, std::string("<a>"),
                        std::string("<a></b>"), std::string("<a/><b/>"), std::string("\0", 1)}) {
                CAPTURE(text);
                const auto refused = refusal([&] { parse_xml(text, "the answer"); });
                CHECK(refused.failure == "aws-answer");
        }
}

TEST_CASE("An element is found by its path, without namespaces", "[xml]")
{
        const auto root = parse_xml(
                "<x:a xmlns:x=\"u\"><x:b>1</x:b><x:b><x:c>2 &amp; 3</x:c></x:b><d/></x:a>", "the answer");
        CHECK(root.name() == "a");
        CHECK(root.children().size() == 3);
        CHECK(root.text_at("b") == "1");
        CHECK(root.find("b/c") == nullptr);
        CHECK(root.children()[1].text_at("c") == "2 & 3");
        CHECK(root.text_at("d").empty());
        CHECK(root.text_at("e/f").empty());
}
