import Foundation
import PushAuthenticator
import Testing

/// The default transport, against real sockets.
@Suite(.timeLimit(.minutes(2))) struct TransportTests {
    private func post(_ url: String, _ body: String = "{}", headers: [HttpHeader] = [], timeout: Duration = .seconds(10)) async throws -> HttpResponse {
        try await URLSessionTransport(answerTimeout: timeout).post(HTTPPost(url: url, headers: headers, body: Data(body.utf8)))
    }

    private func failure(_ url: String, timeout: Duration = .seconds(10)) async -> (any Error)? {
        do {
            Issue.record("\(try await post(url, timeout: timeout))")
            return nil
        } catch {
            return error
        }
    }

    private func isNotSent(_ error: (any Error)?) -> Bool {
        if case TransportError.notSent? = error { true } else { false }
    }

    private func isNoAnswer(_ error: (any Error)?) -> Bool {
        if case TransportError.noAnswer? = error { true } else { false }
    }

    @Test func bytesAndHeadersGoOutAsTheyAre() async throws {
        let seen = Box("")
        let server = try LoopbackServer { request, connection in
            seen.change { $0 = request }
            connection.write("HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nSet-Cookie: a=b\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
        }
        let headers = ["Cookie": "amlbcookie=01", "Content-Type": "application/json", "Accept-API-Version": "resource=1.0, protocol=1.0"]
            .map(HttpHeader.init)
        let response = try await post(server.origin + "/a?b=%2F", #"{"x":"é"}"#, headers: headers)
        #expect(seen.value.hasPrefix("POST /a?b=%2F HTTP/1.1\r\n"))
        #expect(seen.value.hasSuffix("\r\n\r\n{\"x\":\"é\"}"))
        // Header names are case-insensitive; a session writes them its own way.
        let head = seen.value.lowercased()
        for header in headers { #expect(head.contains("\r\n\(header.name.lowercased()): \(header.value.lowercased())\r\n"), "\(head)") }
        #expect(response.status == 201 && response.body == Data(#"{"a":1}"#.utf8))
        #expect(response.date == "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    @Test func redirectsAreNotFollowed() async throws {
        let followed = Box(0)
        let server = try LoopbackServer { request, connection in
            if request.hasPrefix("POST /from") {
                let status = request.dropFirst(10).prefix(3)
                connection.write("HTTP/1.1 \(status) Elsewhere\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n")
            } else {
                followed.change { $0 += 1 }
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        for status in [301, 302, 303, 307, 308] as [UInt16] { #expect(try await post("\(server.origin)/from\(status)").status == status) }
        #expect(followed.value == 0)
    }

    @Test func noMoreThanTheLimitIsRead() async throws {
        let ended = Box(false)
        let server = try LoopbackServer { _, connection in
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while connection.write(Data(count: 64 * 1024)) {}
            ended.change { $0 = true }
        }
        #expect(try await post(server.origin).body.count == 64 * 1024 + 1)
        #expect(await eventually { ended.value }, "the connection was given up")
    }

    @Test func statusesAreAnswersWithAndWithoutABody() async throws {
        let server = try LoopbackServer { request, connection in
            let status = request.dropFirst(6).prefix(3)
            let body = status == "204" ? "" : "Content-Length: 2\r\n"
            connection.write("HTTP/1.1 \(status) Odd\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\(body)\r\n\(status == "204" ? "" : "{}")")
        }
        for status in [204, 400, 401, 403, 404, 407, 429, 500, 501, 503] as [UInt16] {
            let answer = try? await post("\(server.origin)/\(status)", timeout: .seconds(3))
            #expect(answer?.status == status)
        }
    }

    @Test func whatCertainlyWasNotSentIsToldFromWhatMayHaveBeen() async throws {
        let stopped = try LoopbackServer { _, _ in }
        let nobody = stopped.origin
        stopped.stop()
        for url in [nobody, "http://no-such-host.invalid/", "no address", "file:///etc/passwd", "http://[/", ""] {
            let error = await failure(url)
            #expect(isNotSent(error), "\(url): \(String(describing: error))")
        }
        let rude = try LoopbackServer { _, _ in }
        let error = await failure(rude.origin)
        #expect(isNoAnswer(error), "\(String(describing: error))")
        let babbling = try LoopbackServer { _, connection in connection.write("no HTTP at all\r\n\r\n") }
        let odd = await failure(babbling.origin)
        #expect(odd is TransportError && !isNotSent(odd), "\(String(describing: odd))")
    }

    @Test func aSilentServerAndOneThatDripsAreGivenUp() async throws {
        let silent = try LoopbackServer { _, _ in Thread.sleep(forTimeInterval: 60) }
        let drip = try LoopbackServer { _, connection in
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while connection.write("x") { Thread.sleep(forTimeInterval: 0.1) }
        }
        for server in [silent, drip] {
            let began = ContinuousClock.now
            let error = await failure(server.origin, timeout: .seconds(1))
            #expect(isNoAnswer(error), "\(String(describing: error))")
            // The tests that run at the same time need the processor too.
            #expect((.milliseconds(900) ... .seconds(30)).contains(ContinuousClock.now - began))
        }
    }

    @Test func cancellingGivesTheRequestUp() async throws {
        let arrived = Box(false)
        let silent = try LoopbackServer { _, _ in
            arrived.change { $0 = true }
            Thread.sleep(forTimeInterval: 60)
        }
        let sending = Task { try await URLSessionTransport().post(HTTPPost(url: silent.origin, headers: [], body: Data("{}".utf8))) }
        #expect(await eventually { arrived.value })
        let began = ContinuousClock.now
        sending.cancel()
        await #expect(throws: CancellationError.self) { try await sending.value }
        #expect(ContinuousClock.now - began < .seconds(30))
    }
}
