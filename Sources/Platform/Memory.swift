/// The memory that this process could still use.
public enum Memory {
    /// Estimates it in bytes, by the machine's free memory and the limit of the control group; 0 if unknown.
    public static func available() -> UInt64 {
        let machine = meminfoAvailable(InputFile.text(of: "/proc/meminfo"))
        guard let limit = number(InputFile.text(of: "/sys/fs/cgroup/memory.max")) else { return machine }
        let used = number(InputFile.text(of: "/sys/fs/cgroup/memory.current")) ?? 0
        return min(machine, limit > used ? limit - used : 0)
    }

    /// Parses the line `MemAvailable:  12345 kB`.
    static func meminfoAvailable(_ text: String) -> UInt64 {
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            let words = line.split(separator: " ")
            if words.count >= 2, let kibibytes = UInt64(words[1]) { return kibibytes * 1024 }
        }
        return 0
    }

    private static func number(_ text: String) -> UInt64? {
        text.split(separator: "\n").first.flatMap { UInt64($0) }
    }
}
