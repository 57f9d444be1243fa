export { ChangeSchedule, NewSchedule } from './schedule-form.tsx';
export { ScheduleList } from './schedule-list.tsx';
export { SchedulePage } from './schedule-page.tsx';
