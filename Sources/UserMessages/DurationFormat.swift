package import VaultAgent

/// Reads and writes durations such as `90s` or `11h 59m`.
package enum DurationFormat {
    /// Returns the milliseconds of a duration such as `90s`, `15m`, `1h` or `7d`; nil if the text is not one.
    package static func parse(_ text: String) -> UInt64? {
        let units: [Character: UInt64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let last = text.last, let unit = units[last], text.utf8.first != UInt8(ascii: "+"),
            let number = UInt64(text.dropLast()), number > 0
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow || product > AgentProtocol.maxDuration ? nil : product
    }

    /// Formats the largest unit and the one below it, such as `11h 59m`, `40d` or `42s`; rounds up to seconds.
    package static func words(milliseconds: UInt64) -> String {
        let seconds = (milliseconds + 999) / 1000
        let units: [(String, UInt64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0s" }
        var rest = seconds
        var parts: [String] = []
        for (name, size) in units[first...].prefix(2) {
            if rest >= size { parts.append("\(rest / size)\(name)") }
            rest %= size
        }
        return parts.joined(separator: " ")
    }
}

extension AgentStatus {
    /// The time until the vault is locked, in words.
    package var deadlines: String {
        let sleep = locksOnSleep ? ", and when the machine sleeps" : ""
        return "in \(DurationFormat.words(milliseconds: idleLeft)) without use, "
            + "in \(DurationFormat.words(milliseconds: totalLeft)) at the latest" + sleep
    }
}
