import AuthenticatorDevice
import AuthenticatorModels
import PushAuthenticator
import SwiftUI
import UIKit
import UserNotifications

@main
struct AuthenticatorApp: App {
    @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            RootView(app: delegate.app)
                .onOpenURL { delegate.app.open($0.absoluteString) }
                .onChange(of: phase) { _, phase in
                    Task {
                        switch phase {
                        case .active: await delegate.app.start()
                        case .background:
                            await delegate.app.lock()
                            BackgroundRefresh.schedule()
                        default: break
                        }
                    }
                }
        }
    }
}

/// What the system hands to an application as a whole: pushes, their actions, and background time.
@MainActor
final class AppDelegate: NSObject, UIApplicationDelegate, UNUserNotificationCenterDelegate {
    let app: AppModel

    override init() {
        let settings = Composition.settings()
        let device = ThisDevice(name: UIDevice.current.name) { 0 }
        app = AppModel(settings: settings, owner: Owner(reason: Composition.text(.lockReason))) {
            let phone = try await Composition.openPhone()
            let biometrics = BiometricKey(accessGroup: Composition.accessGroup, reason: Composition.text(.requestBiometric))
            let signingKeys = Composition.signingKeys()
            return Services(
                phone: phone, courier: Courier(phone, signer: UnaskedSigner(phone, signingKeys)), device: device, settings: settings,
                biometrics: biometrics, signingKeys: signingKeys, appAttest: AppAttest(),
                alerts: SystemAlerts(Composition.text))
        }
        super.init()
    }

    func application(
        _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        let center = UNUserNotificationCenter.current()
        center.delegate = self
        center.setNotificationCategories(PushAlerts.categories(Composition.text))
        BackgroundRefresh.register { [app] in await Self.refresh(app) }
        Task {
            _ = try? await center.requestAuthorization(options: [.alert, .sound])
            application.registerForRemoteNotifications()
        }
        return true
    }

    func application(_: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken token: Data) {
        Task { await app.setPushToken(token.map { String(format: "%02x", $0) }.joined()) }
    }

    /// The extension has taken the push in; the list looks again.
    func userNotificationCenter(_: UNUserNotificationCenter, willPresent _: UNNotification) async -> UNNotificationPresentationOptions {
        if case .ready(let services) = app.stage { services.phone.refresh() }
        return [.sound]
    }

    func userNotificationCenter(_: UNUserNotificationCenter, didReceive response: UNNotificationResponse) async {
        guard let id = response.notification.request.content.userInfo[PushAlerts.requestId] as? String else { return }
        guard response.actionIdentifier == PushAlerts.deny else {
            app.openRequest(id)
            return
        }
        await app.start()
        if case .ready(let services) = app.stage {
            await RequestsModel(services).denyInAlert(id)
        } else {
            await SystemAlerts(Composition.text).post(.init(title: .resultNotDenied, subtitle: nil, requestId: id))
        }
    }

    private static func refresh(_ app: AppModel) async -> Bool {
        await app.start()
        guard case .ready(let services) = app.stage else { return false }
        return await RequestsModel(services).refreshInBackground()
    }
}
