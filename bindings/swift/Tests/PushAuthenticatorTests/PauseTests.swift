import Dispatch
import Foundation
import PushAuthenticator
import Testing

/// Before the system suspends an app, no call of the core is open, and nothing that has started is interrupted. And
/// which servers are not asked again.
@Suite(.timeLimit(.minutes(2))) struct PauseTests {
    private func registered(_ phone: Phone, _ code: String = registrationCode()) async throws -> Registered {
        try await phone.call { try Registered($0, code) }
    }

    @Test func aPausedPhoneLetsNoCallBeginAndAllOfThemAfterwards() async throws {
        let phone = try await openPhone()
        let (isInside, goOn, order) = (Box(false), DispatchSemaphore(value: 0), Box<[String]>([]))
        let running = Task {
            try await phone.call { _ in
                isInside.change { $0 = true }
                goOn.wait()
                order.change { $0.append("ran to its end") }
            }
        }
        #expect(await eventually { isInside.value })
        phone.pause()
        let later = (1...20).map { _ in
            Task { try await phone.call { core in
                order.change { $0.append("later") }
                return try core.accounts().count
            } }
        }
        later.first?.cancel()
        let resting = Task {
            await phone.rested()
            order.change { $0.append("rested") }
        }
        // Gives time to something that must not happen.
        try await Task.sleep(for: .milliseconds(200))
        #expect(order.value == [])
        goOn.signal()
        await resting.value
        try await running.value
        try await Task.sleep(for: .milliseconds(200))
        #expect(order.value == ["ran to its end", "rested"])
        await phone.rested()
        phone.resume()
        for call in later { #expect(try await call.value == 0) }
        await phone.rested()
        #expect(order.value.count == 22)
    }

    @Test func whoWaitsBeforeAPausedPhoneIsToldThatItWasClosed() async throws {
        let phone = try await openPhone()
        phone.pause()
        let waiting = Task { try await phone.call { try $0.accounts() } }
        phone.close()
        await #expect(throws: PhoneClosed.self) { try await waiting.value }
        phone.pause()
        await #expect(throws: PhoneClosed.self) { try await phone.call { try $0.accounts() } }
    }

    @Test func aRoundThatHasBegunIsNotTornByItsEnd() async throws {
        let phone = try await openPhone()
        let request = try await phone.call { try $0.receiveMessage(messageId: "message-1", jwt: Registered($0).message(1)) }
        try await phone.call { try $0.deny(notificationId: request.id) }
        let (isSent, wasTorn) = (Box(false), Box(false))
        let courier = Courier(phone, transport: Recorder { _ in
            isSent.change { $0 = true }
            do {
                try await Task.sleep(for: .milliseconds(300))
            } catch {
                wasTorn.change { $0 = true }
                throw error
            }
            return Recorder.taken
        })
        let running = Task { try await courier.run() }
        #expect(await eventually { isSent.value })
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        #expect(!wasTorn.value)
        #expect(try await phone.call { try $0.notification(id: request.id) }.state == .denied, "and the vault knows before it ends")
    }

    @Test func aServerThatListsNothingIsAskedOnce() async throws {
        let phone = try await openPhone()
        let without = try await registered(phone, registrationCode(origin: "https://without.example.com"))
        _ = try await registered(phone, registrationCode("ada"))
        let empty = HttpResponse(status: 200, date: nil, body: Data(#"{"messages":[]}"#.utf8))
        let isOffered = Box(false)
        let transport = Recorder { post in
            post.url.contains("without") && !isOffered.value ? HttpResponse(status: 404, date: nil, body: Data()) : empty
        }
        let courier = Courier(phone, transport: transport)
        #expect(Set(try await courier.pull().map(\.outcome.description)) == ["list", "none"])
        for _ in 0..<3 { #expect(try await courier.pull().map(\.outcome.description) == ["list"]) }
        #expect(transport.posts.filter { $0.url.contains("without") }.count == 1)
        #expect(try await Courier(phone, transport: transport).pull().count == 2, "the next start asks again")

        isOffered.change { $0 = true }
        let hint = try JSONSerialization.data(withJSONObject: ["aps": ["messageId": "message-1", "mechanismUid": without.mechanismUid]])
        _ = try await courier.receive(hint)
        #expect(try await courier.pull().count == 2, "a hint has it asked, and it answered")
    }
}

extension PullResult.Outcome {
    fileprivate var description: String {
        switch self {
        case .answered(.notOffered): "none"
        case .answered(.messages): "list"
        default: "other"
        }
    }
}
