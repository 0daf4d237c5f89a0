import Foundation
import Testing

@testable import Platform

@Suite struct `The user database` {
    private func home(of user: UInt32 = 7, _ content: String) -> String? {
        UserDatabase.home(of: user, in: Array(content.utf8))
    }

    @Test func `gives each user the home of the first entry`() {
        let content = """
            root:x:0:0:root:/root:/bin/bash
            a:x:7:7:A, of B:/home/a:
            twin:x:7:7::/home/twin:/bin/sh
            last:x:4294967295:0::/home/last:/bin/sh
            """
        #expect(home(of: 0, content) == "/root")
        #expect(home(of: 7, content) == "/home/a")
        #expect(home(of: .max, content) == "/home/last")
        #expect(home(of: 8, content) == nil)
        #expect(home("") == nil)
    }

    @Test(arguments: [
        "a:x:7:7::/home/a", "a:x:7:7::/home/a:/bin/sh:", "a:x::7::/home/a:/bin/sh",
        "a:x:7a:7::/home/a:/bin/sh",
        "a:x:+7:7::/home/a:/bin/sh", "a:x:4294967303:7::/home/a:/bin/sh",
        "a:x:-4294967289:7::/home/a:/bin/sh",
        "a:x: 7:7::/home/a:/bin/sh", "a:x:7:::/home/a:/bin/sh", ":x:7:7::/home/a:/bin/sh",
        "#a:x:7:7::/home/a:/bin/sh", "+a:x:7:7::/home/a:/bin/sh", "-a:x:7:7::/home/a:/bin/sh",
        "a:x:7:7::/home/a\0b:/bin/sh", ":", "::::::", "\r", "é",
    ])
    func `skips a line that is malformed`(line: String) {
        #expect(home(line) == nil)
        #expect(home("\(line)\n\nb:x:7:7::/home/b:/bin/sh\n") == "/home/b")
    }

    @Test func `has no home for a user whose entry names none that is absolute, or none in text`() {
        for own in ["", "home/a", "~", "."] {
            #expect(home("a:x:7:7::\(own):/bin/sh\nb:x:7:7::/home/b:/bin/sh") == nil, "\(own)")
        }
        let latin = Array("a:x:7:7::/home/".utf8) + [0xE9] + Array(":/bin/sh".utf8)
        #expect(UserDatabase.home(of: 7, in: latin) == nil)
    }

    @Test func `is read from a regular file that is not too long, without waiting`() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/users-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let content = Data("a:x:7:7::/home/a:/bin/sh\n".utf8)
        try content.write(to: URL(fileURLWithPath: directory + "/good"))
        try (content + Data(count: 4 << 20)).write(to: URL(fileURLWithPath: directory + "/long"))
        try Data().write(to: URL(fileURLWithPath: directory + "/empty"))
        #expect(mkfifo(directory + "/pipe", 0o600) == 0)
        #expect(UserDatabase(path: directory + "/good").home(of: 7) == "/home/a")
        for name in ["/long", "/empty", "/pipe", "", "/none"] {
            #expect(UserDatabase(path: directory + name).home(of: 7) == nil, "\(name)")
        }
        #expect(UserDatabase(path: "/dev/zero").home(of: 7) == nil)
    }

    @Test func `is this machine's, which knows root`() throws {
        let root = try #require(getpwuid(0))
        #expect(UserDatabase().home(of: 0) == String(cString: root.pointee.pw_dir))
    }
}
