/// The mounted file systems.
public enum MountTable {
    /// Returns the type of the file system that contains `path`, an absolute path, such as `ext4`; nil if it is not known.
    public static func fileSystem(of path: String) -> String? {
        var best: (depth: Int, type: String)?
        for line in InputFile.text(of: "/proc/self/mountinfo").split(separator: "\n") {
            // ID, parent, device, root, mount point, options, optional fields, "-", type, source.
            let fields = line.split(separator: " ")
            guard fields.count > 5, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else {
                continue
            }
            let point = unescaped(fields[4])
            let isAbove = point == "/" || path == point || path.hasPrefix(point + "/")
            // Of two mounts at one place, the later one hides the earlier.
            if isAbove, point.utf8.count >= best?.depth ?? 0 {
                best = (point.utf8.count, String(fields[dash + 1]))
            }
        }
        return best?.type
    }

    /// Returns a mount point in which the kernel wrote blanks and backslashes as `\040`.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = field.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let number = UInt8(String(digits) ?? "", radix: 8)
            {
                bytes.append(number)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
