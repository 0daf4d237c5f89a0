internal import Glibc

/// The other end of a TCP connection inside this machine.
public enum LoopbackPeer {
    /// The user whose socket is connected from a port of 127.0.0.1 to another; nil if there is none.
    ///
    /// TCP has no `SO_PEERCRED`, but the kernel lists every socket with its owner: proc(5), `/proc/net/tcp`, columns 2, 3 and 8.
    /// A socket for IPv6 may have been connected to the same port and is in a list of its own.
    public static func userID(from port: UInt16, to listener: UInt16) -> UInt32? {
        for list in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let text = try? read(list) else { continue }
            let (local, remote) = (address(port), address(listener))
            for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
                let columns = line.split(separator: UInt8(ascii: " "), maxSplits: 8)
                // 06 is a connection that is over and waits for stray packets; it has no owner any more.
                guard columns.count > 7, columns[1].ends(with: local), columns[2].ends(with: remote),
                    columns[3] != Array("06".utf8)[...]
                else { continue }
                return UInt32(String(decoding: columns[7], as: UTF8.self))
            }
        }
        return nil
    }

    /// 127.0.0.1 and a port as the lists write them: the address as the number that lies in memory, the port as a number.
    private static func address(_ port: UInt16) -> [UInt8] {
        let digits = String(port, radix: 16, uppercase: true)
        let host = UInt32(0x7F00_0001).bigEndian
        let number = String(host, radix: 16, uppercase: true)
        return Array(
            (String(repeating: "0", count: 8 - number.count) + number + ":"
                + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
    }

    private static func read(_ path: String) throws(Errno) -> [UInt8] {
        let file = try Descriptor(path: path, flags: O_RDONLY)
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var span = piece.mutableSpan
            let count = try file.read(into: &span)
            if count == 0 { return text }
            text += piece[..<count]
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func ends(with other: [UInt8]) -> Bool { suffix(other.count).elementsEqual(other) }
}
