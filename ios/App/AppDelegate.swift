import AuthenticatorDevice
import AuthenticatorModels
import Foundation
import PushAuthenticator
import UIKit
import UserNotifications

/// Receives what the system sends to the application as a whole: pushes, their actions, and background time. Makes no
/// decisions.
@MainActor
final class AppDelegate: NSObject, UIApplicationDelegate {
    private(set) lazy var app = Self.makeApp()

    private static func makeApp() -> AppModel {
        let settings = Composition.settings()
        let device = ThisDevice(name: UIDevice.current.name) { 0 }
        let owner = Owner(reason: Composition.text(.lockReason))
        return AppModel(settings: settings, owner: owner, background: BackgroundWork(SystemTime())) {
            let phone = try await Composition.openPhone()
            let biometrics = BiometricKey(accessGroup: Composition.accessGroup, reason: Composition.text(.requestBiometric))
            let signingKeys = Composition.signingKeys()
            return Services(
                phone: phone, courier: Courier(phone, signer: UnaskedSigner(phone, signingKeys)), device: device, settings: settings,
                biometrics: biometrics, signingKeys: signingKeys, appAttest: AppAttest(),
                alerts: SystemAlerts(Composition.text))
        }
    }

    func application(
        _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        let center = UNUserNotificationCenter.current()
        center.delegate = self
        center.setNotificationCategories(PushAlerts.categories(Composition.text))
        BackgroundRefresh.register { [app] in await app.refreshInBackground() }
        Task {
            _ = try? await UNUserNotificationCenter.current().requestAuthorization(options: [.alert, .sound])
            application.registerForRemoteNotifications()
        }
        return true
    }

    func application(_: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken token: Data) {
        Task { await app.setPushToken(token.map { String(format: "%02x", $0) }.joined()) }
    }
}

/// The system's notification center. The protocol belongs to no actor, so its objects stay here and only strings are
/// passed on. The system requires its handlers to be called on the main thread.
extension AppDelegate: UNUserNotificationCenterDelegate {
    nonisolated func userNotificationCenter(
        _: UNUserNotificationCenter, willPresent notification: UNNotification,
        withCompletionHandler handler: @escaping (UNNotificationPresentationOptions) -> Void
    ) {
        let id = notification.request.content.userInfo[PushAlerts.requestId] as? String
        Task { @MainActor in await app.arrived(requestId: id) }
        handler([.sound])
    }

    nonisolated func userNotificationCenter(
        _: UNUserNotificationCenter, didReceive response: UNNotificationResponse, withCompletionHandler handler: @escaping () -> Void
    ) {
        let id = response.notification.request.content.userInfo[PushAlerts.requestId] as? String
        let isDenied = response.actionIdentifier == PushAlerts.deny
        let handed = Handed(handler: handler)
        Task { @MainActor in
            if let id {
                if isDenied { await app.denyInAlert(id, SystemAlerts(Composition.text)) } else { app.openRequest(id) }
            }
            handed.handler()
        }
    }

    /// The system's handler may be called later, and is called once.
    private struct Handed: @unchecked Sendable { let handler: () -> Void }
}
