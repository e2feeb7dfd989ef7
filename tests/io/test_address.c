/* SPDX-License-Identifier: MIT */
/* Addresses as text, without any socket. */
#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <weft.h>

#include "tests/support/test.h"

static struct weft__address parsed(const char *text)
{
    struct weft__address a;

    memset(&a, 0xa5, sizeof a);
    CHECK_OK(weft__address_parse(&a, text));
    return a;
}

static void check_round_trip(const char *text, const char *expected)
{
    struct weft__address a = parsed(text);
    char out[WEFT_ADDRESS_MAX];

    CHECK_OK(weft__address_format(&a.addr.any, out, sizeof out));
    CHECK_STR_EQ(out, expected);
}

static void check_refused(const char *text)
{
    struct weft__address a;
    int rc = weft__address_parse(&a, text);

    if (rc != WEFT_EINVAL)
        FAIL("\"%s\" is read with %d, not WEFT_EINVAL", text, rc);
}

WEFT_TEST(address, an_ipv4_address_is_read)
{
    struct weft__address a = parsed("192.0.2.7:8080");
    const struct sockaddr_in *in = (const void *)&a.addr;

    CHECK_EQ(in->sin_family, AF_INET);
    CHECK_EQ(ntohs(in->sin_port), 8080);
    CHECK_EQ(ntohl(in->sin_addr.s_addr), 0xc0000207);
    CHECK_EQ(a.size, sizeof *in);
    CHECK(!a.wildcard);
}

WEFT_TEST(address, an_ipv6_address_is_read)
{
    struct weft__address a = parsed("[2001:db8::1]:443");
    const struct sockaddr_in6 *in6 = (const void *)&a.addr;
    static const unsigned char bytes[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

    CHECK_EQ(in6->sin6_family, AF_INET6);
    CHECK_EQ(ntohs(in6->sin6_port), 443);
    CHECK_MEM_EQ(&in6->sin6_addr, bytes, sizeof bytes);
    CHECK_EQ(in6->sin6_scope_id, 0);
    CHECK_EQ(a.size, sizeof *in6);
    CHECK(!a.wildcard);
}

WEFT_TEST(address, no_host_is_the_wildcard_of_ipv6)
{
    struct weft__address a = parsed(":65535");
    const struct sockaddr_in6 *in6 = (const void *)&a.addr;

    CHECK(a.wildcard);
    CHECK_EQ(in6->sin6_family, AF_INET6);
    CHECK_EQ(ntohs(in6->sin6_port), 65535);
    CHECK_MEM_EQ(&in6->sin6_addr, &in6addr_any, sizeof in6addr_any);
}

WEFT_TEST(address, the_wildcard_turns_into_the_one_of_ipv4)
{
    struct weft__address a = parsed(":8080");
    const struct sockaddr_in *in = (const void *)&a.addr;

    weft__address_use_ipv4(&a);
    CHECK_EQ(in->sin_family, AF_INET);
    CHECK_EQ(ntohs(in->sin_port), 8080);
    CHECK_EQ(in->sin_addr.s_addr, htonl(INADDR_ANY));
    CHECK_EQ(a.size, sizeof *in);
}

WEFT_TEST(address, a_written_wildcard_stays_in_its_family)
{
    CHECK(!parsed("0.0.0.0:1").wildcard);
    CHECK_EQ(parsed("0.0.0.0:1").addr.any.sa_family, AF_INET);
    CHECK(!parsed("[::]:1").wildcard);
    CHECK_EQ(parsed("[::]:1").addr.any.sa_family, AF_INET6);
}

WEFT_TEST(address, what_is_read_can_be_written)
{
    check_round_trip("127.0.0.1:80", "127.0.0.1:80");
    check_round_trip("0.0.0.0:0", "0.0.0.0:0");
    check_round_trip("255.255.255.255:65535", "255.255.255.255:65535");
    check_round_trip("[::1]:80", "[::1]:80");
    check_round_trip("[::]:1", "[::]:1");
    check_round_trip(":9", "[::]:9");
    check_round_trip("localhost:9", "127.0.0.1:9");
    check_round_trip("[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443");
    check_round_trip("[::ffff:192.0.2.1]:5", "[::ffff:192.0.2.1]:5");
    check_round_trip("127.0.0.1:00080", "127.0.0.1:80");
    check_round_trip("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
                     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

WEFT_TEST(address, ports_that_are_none_are_refused)
{
    static const char *const ports[] = {
        "", "65536", "99999999999999999999", "-1", "+80", " 80", "80 ", "0x50", "http", "80\n", "8.0", "４"};

    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        static const char *const hosts[] = {"127.0.0.1", "[::1]", "", "localhost"};

        for (size_t k = 0; k < sizeof hosts / sizeof hosts[0]; k++) {
            char text[128];

            strcpy(text, hosts[k]);
            strcat(text, ":");
            strcat(text, ports[i]);
            check_refused(text);
        }
    }
}

WEFT_TEST(address, hosts_that_are_none_are_refused)
{
    static const char *const texts[] = {
        "",
        ":",
        "::",
        "80",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "::1:80",
        "[::1]80",
        "[::1:80",
        "::1]:80",
        "[:80",
        "]:80",
        "[]:80",
        "[[::1]]:80",
        "[127.0.0.1]:80",
        "[::1]]:80",
        "[:::]:80",
        "[1:2:3:4:5:6:7]:80",
        "[1:2:3:4:5:6:7:8:9]:80",
        "[::12345]:80",
        "[::1 ]:80",
        " 127.0.0.1:80",
        "127.0.0.1 :80",
        "127.0.0:80",
        "127.1:80",
        "127.0.0.1.1:80",
        "127.0.0.256:80",
        "127.0.0.-1:80",
        "127..0.1:80",
        "0x7f.0.0.1:80",
        "2130706433:80",
        "example.com:80",
        "localhost.:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80:80",
        "*:80",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_refused(texts[i]);
}

WEFT_TEST(address, hosts_of_any_length_are_refused)
{
    char text[512];

    for (size_t n = 1; n < sizeof text - 8; n++) {
        memset(text, '1', n);
        strcpy(text + n, ":80");
        check_refused(text);
        text[0] = '[';
        text[n] = ']';
        strcpy(text + n + 1, ":80");
        check_refused(text);
    }
}

WEFT_TEST(address, a_zone_names_an_interface)
{
    struct weft__address a = parsed("[fe80::1%lo]:80");
    const struct sockaddr_in6 *in6 = (const void *)&a.addr;

    if (if_nametoindex("lo") == 0)
        TEST_SKIP("there is no interface lo");
    CHECK_EQ(in6->sin6_scope_id, if_nametoindex("lo"));
}

WEFT_TEST(address, a_zone_that_is_none_is_refused)
{
    check_refused("[fe80::1%no-such-zone]:80");
    check_refused("[fe80::1%]:80");
    check_refused("[%lo]:80");
    /* Whatever stands before the zone is read to its end. */
    check_refused("[0000:0000:0000:0000:0000:0000:0000:0001junk%lo]:80");
}

WEFT_TEST(address, text_without_room_is_refused)
{
    struct weft__address a = parsed("127.0.0.1:80"), b = parsed("[::1]:80");
    char text[WEFT_ADDRESS_MAX];

    CHECK_OK(weft__address_format(&a.addr.any, text, sizeof "127.0.0.1:80"));
    CHECK_STR_EQ(text, "127.0.0.1:80");
    CHECK_OK(weft__address_format(&b.addr.any, text, sizeof "[::1]:80"));
    CHECK_STR_EQ(text, "[::1]:80");
    for (size_t size = 0; size < sizeof "127.0.0.1:80"; size++) {
        memset(text, '#', sizeof text);
        CHECK_RC(weft__address_format(&a.addr.any, text, size), WEFT_EINVAL);
        CHECK_EQ(text[size], '#');
    }
    for (size_t size = 0; size < sizeof "[::1]:80"; size++)
        CHECK_RC(weft__address_format(&b.addr.any, text, size), WEFT_EINVAL);
}

WEFT_TEST(address, other_families_have_no_text)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/x"};
    char text[WEFT_ADDRESS_MAX];

    CHECK_RC(weft__address_format((const struct sockaddr *)&un, text, sizeof text), WEFT_EINVAL);
}
