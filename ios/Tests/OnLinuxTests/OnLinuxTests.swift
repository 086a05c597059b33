@testable import AppOnLinux
import AuthenticatorDevice
import AuthenticatorModels
import BackgroundTasks
import Foundation
@testable import NotificationServiceOnLinux
import PushAuthenticator
import Security
import UIKit
import UserNotifications
import XCTest

/// What Xcode compiles into the app and its extension, over stubs of Apple's frameworks: what is passed to the system,
/// and that everything compiles where nothing of Apple's is Sendable. Runs one test at a time, because the tests share
/// the stubs.
final class OnLinuxTests: XCTestCase, @unchecked Sendable {
    @MainActor private func prepare() throws {
        StubKeychain.shared.reset()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("group-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        AppOnLinux.setContainer(folder)
        NotificationServiceOnLinux.setContainer(folder)
        NotificationServiceOnLinux.Composition.settings().save(Settings())
        UNUserNotificationCenter.current().removeDeliveredNotifications(withIdentifiers: ["1"])
    }

    /// What the extension passes to the system.
    private final class Shown: Sendable {
        let contents = Box<[[String]]>([])

        func take(_ content: UNNotificationContent) {
            let content = content as? UNMutableNotificationContent
            let id = content?.userInfo[PushAlerts.requestId] as? String
            contents.change { $0.append([content?.title ?? "", content?.subtitle ?? "", content?.body ?? "", id ?? ""]) }
        }
    }

    @MainActor private func push(_ userInfo: [AnyHashable: Any]) -> UNNotificationRequest {
        let content = UNMutableNotificationContent()
        content.userInfo = userInfo
        content.body = "Login attempt from demo at Ping: 42"
        return UNNotificationRequest(identifier: "1", content: content, trigger: nil)
    }

    /// Returns what the system shows.
    private func titles() async -> [String] {
        await UNUserNotificationCenter.current().deliveredNotifications().compactMap { ($0.request.content as? UNMutableNotificationContent)?.title }
    }

    private func assertEventually(line: UInt = #line, _ isSo: @MainActor () async -> Bool) async {
        let isSo = await eventually(isSo)
        XCTAssertTrue(isSo, line: line)
    }

    /// Returns a push for an account of the vault that the app and the extension share.
    @MainActor private func registeredPush() async throws -> [AnyHashable: Any] {
        let phone = try await NotificationServiceOnLinux.Composition.openPhone()
        defer { phone.close() }
        let message = try await phone.call { try Registered($0).message(1) }
        return ["aps": ["messageId": "message-1", "data": message]]
    }

    @MainActor func testTheExtensionShowsWhoAsksOnceAndNoMore() async throws {
        try prepare()
        let (shown, service) = (Shown(), NotificationService())
        service.didReceive(push(try await registeredPush())) { shown.take($0) }
        await assertEventually { !shown.contents.value.isEmpty }
        service.serviceExtensionTimeWillExpire()
        let phone = try await AppOnLinux.Composition.openPhone()
        let request = try await phone.call { try XCTUnwrap(try $0.pending().first) }
        XCTAssertTrue(shown.contents.value == [["request.title", "Ping, demo", "", request.id]])
    }

    @MainActor func testTheExtensionsTimeEndsWithOneNotificationAndTheVaultClosed() async throws {
        try prepare()
        let userInfo = try await registeredPush()
        let (shown, service) = (Shown(), NotificationService())
        service.didReceive(push(userInfo)) { shown.take($0) }
        service.serviceExtensionTimeWillExpire()
        XCTAssertTrue(shown.contents.value.map(\.first) == ["request.while-locked"])
        try await Task.sleep(for: .milliseconds(300))
        XCTAssertTrue(shown.contents.value.count == 1)
    }

    @MainActor func testAVaultWhoseKeyIsNotThereNowSaysSo() async throws {
        try prepare()
        let userInfo = try await registeredPush()
        StubKeychain.shared.lookUp(endsWith: errSecInteractionNotAllowed)
        defer { StubKeychain.shared.lookUp(endsWith: errSecSuccess) }
        let (shown, service) = (Shown(), NotificationService())
        service.didReceive(push(userInfo)) { shown.take($0) }
        await assertEventually { shown.contents.value == [["request.while-locked", "", "", ""]] }
    }

    @MainActor func testTheDelegateHandsOnWhatTheSystemHandsIn() async throws {
        try prepare()
        let delegate = AppDelegate()
        XCTAssertTrue(delegate.application(.shared, didFinishLaunchingWithOptions: nil))
        let center = UNUserNotificationCenter.current()
        XCTAssertTrue(center.delegate === delegate && center.categories.map(\.identifier) == [PushAlerts.category])
        await assertEventually { UIApplication.shared.isRegistered }
        XCTAssertTrue(BGTaskScheduler.shared.handlers[BackgroundRefresh.identifier] != nil)
        await delegate.app.start()
        guard case .ready(let services) = delegate.app.stage else {
            return XCTFail("\(delegate.app.stage)")
        }
        delegate.application(.shared, didRegisterForRemoteNotificationsWithDeviceToken: Data([0, 0xab]))
        await assertEventually { services.settings.load().pushToken == "00ab" }

        let content = UNMutableNotificationContent()
        content.userInfo = [PushAlerts.requestId: "7"]
        let notification = UNNotification(UNNotificationRequest(identifier: "1", content: content, trigger: nil))
        let options = Box<UNNotificationPresentationOptions?>(nil)
        delegate.userNotificationCenter(center, willPresent: notification) { given in options.change { $0 = given } }
        XCTAssertTrue(options.value == [.sound])

        let done = Box(0)
        delegate.userNotificationCenter(center, didReceive: UNNotificationResponse(notification, "tapped")) { done.change { $0 += 1 } }
        await assertEventually { done.value == 1 && delegate.app.openedRequest == "7" }
        // There is no such sign-on request: the denial did not go through.
        delegate.userNotificationCenter(center, didReceive: UNNotificationResponse(notification, PushAlerts.deny)) { done.change { $0 += 1 } }
        await assertEventually { done.value == 2 }
        let titles = await titles()
        XCTAssertTrue(titles.contains(Words.resultNotDenied.rawValue))
    }

    @MainActor func testTheSystemsTimeIsAskedForEndedAndToldOf() async throws {
        try prepare()
        let (time, isOver) = (SystemTime(), Box(false))
        let granted = time.begin { isOver.change { $0 = true } }
        let task = UIBackgroundTaskIdentifier(rawValue: granted ?? 0)
        UIApplication.shared.backgroundTasks[task]??()
        XCTAssertTrue(isOver.value)
        time.end(task.rawValue)
        XCTAssertTrue(UIApplication.shared.backgroundTasks[task] == nil)
        UIApplication.shared.grantsTime = false
        XCTAssertTrue(time.begin {} == nil)
        UIApplication.shared.grantsTime = true
    }
}
