import Foundation
import Synchronization
import Testing

@testable import Platform

@Suite struct `The checksum` {
    @Test func `is CRC32C, by its known vectors`() {
        for (text, expected) in [("", 0 as UInt32), ("a", 0xC1D0_4330), ("123456789", 0xE306_9283)] {
            var sum = CRC32C()
            sum.update(Array(text.utf8).span)
            #expect(sum.value == expected)
        }
        var zeros = CRC32C()
        zeros.update([UInt8](repeating: 0, count: 32).span)
        #expect(zeros.value == 0x8A91_36AA)  // RFC 3720, B.4
    }

    @Test func `is the same by the CPU's instruction and by portable code, in one piece and in two`() {
        let bytes = (0..<1031).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 3) }
        for count in [0, 1, 7, 8, 9, 63, 64, 65, 1031] {
            var whole = CRC32C()
            whole.update(bytes.span.extracting(first: count))
            var pieces = CRC32C()
            pieces.update(bytes.span.extracting(first: count / 3))
            pieces.update(bytes.span.extracting(count / 3..<count))
            #expect(whole.value == CRC32C.portable(bytes.span.extracting(first: count)))
            #expect(pieces.value == whole.value)
        }
    }
}

@Suite struct `The calendar` {
    @Test(arguments: [
        (0 as UInt64, "1970-01-01T00:00:00Z"), (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_767_225_599_999, "2025-12-31T23:59:59Z"), (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59Z"),
    ])
    func `writes moments in UTC and reads them back, as the end of their second`(time: UInt64, text: String) {
        #expect(UTCTimestamp.format(time) == text)
        #expect(UTCTimestamp.parse(text) == time / 1000 * 1000 + 999)
    }

    @Test func `agrees with the C library on every day of four centuries`() {
        for day in stride(from: 0, to: 146_097, by: 1) {
            var time = time_t(day * 86400)
            var parts = tm()
            gmtime_r(&time, &parts)
            let date = UTCTimestamp.date(daysSince1970: day)
            #expect(date == (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)))
        }
    }

    @Test(arguments: [
        "", "2026", "2026-13-01", "2026-02-29", "2026-01-32", "2026-01-01T24:00", "2026-01-01T00:60",
        "1969-12-31",
        "2026/01/01", "2026-01-01T1:00", "2026-01-01T00:00:00+01", "２０２６-01-01",
    ])
    func `refuses what is no moment`(text: String) { #expect(UTCTimestamp.parse(text) == nil) }

    @Test func `takes a date alone, and a time without seconds`() {
        #expect(UTCTimestamp.parse("2026-03-01") == 1_772_323_200_000)
        #expect(UTCTimestamp.parse("2026-03-01 12:30") == 1_772_323_200_000 + 45_000_000)
        #expect(UTCTimestamp.parse("2026-03-01T12:30Z") == UTCTimestamp.parse("2026-03-01 12:30"))
    }
}

@Suite struct `Paths` {
    @Test(arguments: [
        ("a", ".", "a"), ("/a", "/", "a"), ("/a/b", "/a", "b"), ("a/b/", "a", "b"), ("/a//b//", "/a", "b"),
        ("/", "/", "/"),
        ("./x", ".", "x"),
    ])
    func `are split into directory and name`(path: String, directory: String, name: String) {
        #expect(Path.directory(of: path) == directory)
        #expect(Path.name(of: path) == name)
    }

    @Test func `that are no text are refused, not repaired`() throws {
        let text = FileManager.default.temporaryDirectory.path + "/not-text-\(UUID().uuidString)"
        let link = text + "-link"
        let bytes = text.utf8.map { CChar(bitPattern: $0) } + [CChar(bitPattern: 0xE9), 0]
        #expect(mkdir(bytes, 0o700) == 0)
        #expect(symlink(bytes, link) == 0)
        defer {
            rmdir(bytes)
            unlink(link)
        }
        #expect(throws: Errno.notText) { try Path.resolvingLinks(link) }
        #expect(throws: Errno.notText) { try Path.resolvingLinks(link + "/.") }
    }

    @Test(arguments: [
        ("/", "/"), ("//", "/"), ("/.", "/"), ("/..", "/.."), ("/a", "/a"), ("/a/", "/a"),
        ("//a///b/.//./c/.", "/a/b/c"),
        ("/a/../b/..", "/a/../b/.."), ("/.a/..b/c./...", "/.a/..b/c./..."), ("/a/\u{301}/b", "/a/\u{301}/b"),
    ])
    func `are tidied as a person names them`(path: String, expected: String) throws {
        #expect(try Path.lexical(path) == expected)
        // The working directory does not matter for an absolute path.
        #expect(try Path.lexical(path, from: "/nowhere") == expected)
    }

    @Test func `that are relative begin where the shell says, if that is the present directory`() throws {
        let present = try Path.workingDirectory()
        let root = FileManager.default.temporaryDirectory.path + "/lexical-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let link = root + "/link"
        #expect(symlink(present, link) == 0)
        #expect(symlink(root, root + "/other") == 0)
        for (path, rest) in [
            ("a", "/a"), (".", ""), ("./", ""), ("..", "/.."), ("../a//b/", "/../a/b"), ("./.a", "/.a"),
        ] {
            #expect(try Path.lexical(path, from: link) == link + rest)
            #expect(try Path.lexical(path, from: "/" + link + "//") == link + rest)
            for wrong in [
                nil, "", "link", ".", root + "/other", root + "/none", root + "/./link", link + "/.",
                root + "/../",
                root + "/other/../link",
            ] {
                #expect(try Path.lexical(path, from: wrong) == present + rest, "\(wrong ?? "unset")")
            }
        }
        let named = try DiskStorage().identity(of: Path.directory(of: try Path.lexical("a")))
        #expect(try DiskStorage().identity(of: ".") == named)
        #expect(throws: Errno.noSuchFile) { try Path.lexical("") }
    }

    @Test func `are joined with one slash`() {
        #expect(Path.join("/", "a") == "/a")
        #expect(Path.join("/a", "b") == "/a/b")
    }
}

@Suite struct `The disk` {
    private let directory: String

    init() throws {
        directory =
            FileManager.default.temporaryDirectory.appendingPathComponent("platform-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    @Test func `creates private files and never over others`() throws {
        let disk = DiskStorage()
        let file = try disk.create(directory + "/a")
        try file.write([1, 2, 3].span, at: 0)
        #expect(try file.length() == 3)
        let mode =
            try FileManager.default.attributesOfItem(atPath: directory + "/a")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(throws: Errno.fileExists) { _ = try disk.create(directory + "/a") }
    }

    @Test func `reads short at the end and writes anywhere`() throws {
        let file = try DiskStorage().create(directory + "/a")
        try file.write([9].span, at: 4)
        var buffer = [UInt8](repeating: 7, count: 8)
        var span = buffer.mutableSpan
        #expect(try file.read(at: 1, into: &span) == 4)
        #expect(buffer == [0, 0, 0, 9, 7, 7, 7, 7])
        try file.truncate(to: 2)
        try file.sync()
        #expect(try file.length() == 2)
    }

    @Test func `renames without replacing`() throws {
        let disk = DiskStorage()
        let first = try disk.create(directory + "/a").identity()
        let second = try disk.create(directory + "/b").identity()
        #expect(throws: Errno.fileExists) {
            try disk.renameWithoutReplacing(directory + "/a", to: directory + "/b")
        }
        #expect(try disk.identity(of: directory + "/b") == second)
        try disk.renameWithoutReplacing(directory + "/a", to: directory + "/c")
        #expect(try disk.identity(of: directory + "/c") == first)
        #expect(throws: Errno.noSuchFile) { try disk.identity(of: directory + "/a") }
    }

    @Test(arguments: [
        (Errno.invalidArgument, nil), (.notImplemented, nil), (.notSupported, nil),
        (.invalidArgument, Errno.notPermitted), (.invalidArgument, .notImplemented),
        (.notImplemented, .notSupported), (.notSupported, .permissionDenied), (.invalidArgument, .ioError),
    ])
    func `renames without replacing where the calls for it are missing`(renaming: Errno, linking: Errno?)
        throws
    {
        let system = ExclusiveRename.system
        let disk = DiskStorage(
            ExclusiveRename(
                renaming: { _, _ throws(Errno) in throw renaming },
                linking: { from, to throws(Errno) in
                    if let linking { throw linking }
                    try system.linking(from, to)
                }))
        let first = try disk.create(directory + "/a").identity()
        let second = try disk.create(directory + "/b").identity()
        #expect(throws: Errno.fileExists) {
            // An existing empty file is not taken for a placeholder.
            try disk.renameWithoutReplacing(directory + "/a", to: directory + "/b")
        }
        #expect(try disk.identity(of: directory + "/a") == first)
        #expect(try disk.identity(of: directory + "/b") == second)
        try disk.renameWithoutReplacing(directory + "/a", to: directory + "/c")
        #expect(try disk.identity(of: directory + "/c") == first)
        #expect(throws: Errno.noSuchFile) {
            try disk.renameWithoutReplacing(directory + "/a", to: directory + "/d")
        }
        #expect(try disk.names(in: directory).sorted() == [".", "..", "b", "c"])
    }

    @Test func `tries nothing else where a rename fails for another reason`() throws {
        let disk = DiskStorage(
            ExclusiveRename(
                renaming: { _, _ throws(Errno) in throw .noSpace },
                linking: { _, _ throws(Errno) in throw .notImplemented }))
        _ = try disk.create(directory + "/a")
        #expect(throws: Errno.noSpace) {
            try disk.renameWithoutReplacing(directory + "/a", to: directory + "/b")
        }
        #expect(try disk.names(in: directory).sorted() == [".", "..", "a"])
    }

    @Test func `tells directories, pipes and missing files apart without waiting`() throws {
        mkfifo(directory + "/pipe", 0o600)
        #expect(throws: Errno.isDirectory) { _ = try DiskStorage().open(directory, .reading) }
        #expect(throws: Errno.invalidArgument) { _ = try DiskStorage().open(directory + "/pipe", .reading) }
        #expect(throws: Errno.noSuchFile) { _ = try DiskStorage().open(directory + "/none", .reading) }
    }

    @Test func `tells regular files from others without opening them`() throws {
        let disk = DiskStorage()
        _ = try disk.create(directory + "/a")
        #expect(mkfifo(directory + "/pipe", 0o600) == 0)
        for (name, target) in [("/file", "a"), ("/link", "pipe"), ("/null", "/dev/null"), ("/gone", "none")] {
            #expect(symlink(target, directory + name) == 0)
        }
        // For a missing or inaccessible file, open gives a better error.
        for name in ["/a", "/file", "/gone", "/none"] { #expect(disk.mayBeRegularFile(directory + name)) }
        for name in ["", "/pipe", "/link", "/null"] { #expect(!disk.mayBeRegularFile(directory + name)) }
    }

    @Test func `locks between open files`() throws {
        let disk = DiskStorage()
        let one = try disk.create(directory + "/a")
        let two = try disk.open(directory + "/a", .reading)
        let three = try disk.open(directory + "/a", .reading)
        #expect(try two.tryLock(.shared))
        #expect(try three.tryLock(.shared))
        #expect(try !one.tryLock(.exclusive))
        two.unlock()
        three.unlock()
        #expect(try one.tryLock(.exclusive))
        #expect(try !two.tryLock(.shared))
    }

    @Test(arguments: ["/proc/none", "/proc/none/a/b", "/proc/self/none/a"])
    func `gives up where no directory can be made`(path: String) {
        #expect(throws: Errno.noSuchFile) { try DiskStorage().makeDirectory(path) }
    }

    @Test func `makes directories above directories, all private`() throws {
        let path = directory + "/x/y/z"
        try DiskStorage().makeDirectory(path)
        try DiskStorage().makeDirectory(path)
        #expect(PrivateDirectory.isOurs(path) && PrivateDirectory.isOurs(directory + "/x"))
        try DiskStorage().syncDirectory(path)
        _ = try DiskStorage().create(directory + "/file")
        #expect(throws: Errno.notDirectory) { try DiskStorage().makeDirectory(directory + "/file") }
    }

    @Test func `does not take a directory for private that others can enter, or a link to one`() throws {
        try DiskStorage().makeDirectory(directory + "/own")
        chmod(directory + "/own", 0o750)
        #expect(throws: Errno.permissionDenied) { try PrivateDirectory.prepare(directory + "/own") }
        chmod(directory + "/own", 0o700)
        symlink(directory + "/own", directory + "/link")
        #expect(!PrivateDirectory.isOurs(directory + "/link"))
    }
}

@Suite struct `Small things` {
    @Test func `a backoff ends at its timeout`() {
        var backoff = Backoff(milliseconds: 5)
        var steps = 0
        while backoff.wait() { steps += 1 }
        #expect(steps > 0 && steps < 10)
        var none = Backoff(milliseconds: 0)
        let goesOn = none.wait()
        #expect(!goesOn)
    }

    @Test func `memory at hand is read from the system's own words`() {
        #expect(Memory.meminfoAvailable("MemTotal: 9 kB\nMemAvailable:    2048 kB\n") == 2_097_152)
        #expect(Memory.meminfoAvailable("nothing") == 0)
        #expect(Memory.available() > 1 << 20)
    }

    @Test func `patterns match whole names`() {
        #expect(Glob.matches("DB_URL", "DB_*") && Glob.matches("A", "?") && Glob.matches("A", "[AB]"))
        #expect(!Glob.matches("XDB_URL", "DB_*") && !Glob.matches("AB", "A"))
    }

    @Test func `errors speak in small letters`() {
        #expect(Errno.noSpace.description == "no space left on device")
    }
}

@Suite struct `Bytes as words` {
    @Test func `are what they are byte by byte`() {
        let bytes = (0..<40).map { UInt8(truncatingIfNeeded: $0 &* 77 &+ 1) }
        for offset in 0...32 {
            let expected = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
            let loaded = bytes.span.load(UInt64.self, at: offset)
            #expect(loaded == expected)
            var copy = [UInt8](repeating: 9, count: 40)
            var span = copy.mutableSpan
            span.store(expected, at: offset)
            #expect(Array(copy[offset..<offset + 8]) == Array(bytes[offset..<offset + 8]))
            #expect(copy.filter { $0 == 9 }.count >= 32)
        }
        func isZero(_ bytes: [UInt8], _ range: Range<Int>) -> Bool { bytes.span.isZero(range) }
        func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.equals(right.span) }
        func order(_ left: [UInt8], _ right: [UInt8]) -> Int { left.span.order(against: right.span) }
        for count in 0...40 {
            let zeros = [UInt8](repeating: 0, count: count)
            #expect(isZero(zeros, 0..<count))
            for index in 0..<count {
                var other = zeros
                other[index] = 0x80
                #expect(!isZero(other, 0..<count))
                #expect(isZero(other, 0..<index) && isZero(other, index + 1..<count))
                #expect(!areEqual(other, zeros))
                #expect(order(other, zeros) > 0)
            }
            #expect(areEqual(zeros, zeros) && !areEqual(zeros, zeros + [0]))
            #expect(order(zeros, zeros + [0]) < 0)
        }
    }
}
