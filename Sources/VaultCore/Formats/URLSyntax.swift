internal import Platform

/// A checker of URLs: RFC 3986, with several hosts as database drivers take them.
enum URLSyntax {
    /// Returns why a text is not a URL; nil if it is.
    static func problem(in text: Span<UInt8>) -> String? {
        let scheme = text.skip(from: 0, while: isScheme)
        guard scheme > 1, Byte.isLetter(text[0]), text[scheme - 1] == UInt8(ascii: ":"),
            text.has("//", at: scheme)
        else { return "it does not begin with a scheme such as https://" }
        let start = scheme + 2
        if start == text.count { return "nothing follows the scheme" }
        for index in start..<text.count where mustBeEncoded(text[index]) {
            return "a blank, a control character or another one that must be percent-encoded is in it"
        }
        for index in start..<text.count where text[index] == UInt8(ascii: "%") {
            guard let first = text.byte(at: index + 1), let second = text.byte(at: index + 2), isHex(first),
                isHex(second)
            else { return "a percent sign is not followed by two hexadecimal digits" }
        }
        let end = text.first(from: start) { "/?#".utf8.contains($0) }
        return authorityProblem(text.extracting(start..<end))
    }

    /// Checks `user:password@host:port,host:port`.
    private static func authorityProblem(_ text: Span<UInt8>) -> String? {
        var hosts = 0
        let at = text.first(from: 0) { $0 == UInt8(ascii: "@") }
        if at < text.count {
            hosts = at + 1
            if text.first(from: hosts, where: { $0 == UInt8(ascii: "@") }) < text.count {
                return "an @ in the user or password must be written %40"
            }
        }
        // Java's drivers for SQL Server take parameters after a semicolon.
        let last = text.first(from: hosts) { $0 == UInt8(ascii: ";") }
        while hosts < last {
            let end = min(text.first(from: hosts) { $0 == UInt8(ascii: ",") }, last)
            if !isHost(text.extracting(hosts..<end)) {
                return "what should be the port is not a number up to 65535, or the host is malformed"
            }
            hosts = end + 1
        }
        return nil
    }

    private static func isHost(_ text: Span<UInt8>) -> Bool {
        var end: Int
        if text.byte(at: 0) == UInt8(ascii: "[") {
            end = text.first(from: 1) { $0 == UInt8(ascii: "]") } + 1
            if end > text.count || text.skip(from: 1, while: isAddress) != end - 1 { return false }
        } else {
            end = text.first(from: 0) { ":[]".utf8.contains($0) }
        }
        if end == text.count { return true }
        guard text[end] == UInt8(ascii: ":"), text.count - end <= 6 else { return false }
        var port = 0
        for index in end + 1..<text.count {
            guard Byte.isDigit(text[index]) else { return false }
            port = port * 10 + Int(text[index] - UInt8(ascii: "0"))
        }
        return port <= 65535
    }

    /// The colon ends a scheme, or joins two, as in `jdbc:postgresql`.
    private static func isScheme(_ byte: UInt8) -> Bool {
        Byte.isLetter(byte) || Byte.isDigit(byte) || ":+-.".utf8.contains(byte)
    }

    private static func isAddress(_ byte: UInt8) -> Bool {
        Byte.isName(byte) || ":.%~-".utf8.contains(byte)
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        Byte.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func mustBeEncoded(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte >= 0x7F || "\"<>\\^`{|}".utf8.contains(byte)
    }
}
